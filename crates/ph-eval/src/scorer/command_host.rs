//! Where external commands run. Here they are processes of this machine with the rights of this program; a sandbox takes
//! the place of [`LocalCommands`] by implementing [`CommandHost`].

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::{Child, Command};

/// A command to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program and its arguments; no shell reads them.
    pub command: Vec<String>,
    /// The folder in which it runs.
    pub folder: PathBuf,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
}

/// A command that runs, with its three streams.
pub struct RunningCommand {
    /// What it reads.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// What it answers.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// What it says besides.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
    /// Ends it, with everything that it started, when dropped.
    pub process: Box<dyn Send>,
}

/// Starts commands.
pub trait CommandHost: Send + Sync {
    /// Starts a command. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// Where it cannot be started.
    fn start(&self, line: &CommandLine) -> io::Result<RunningCommand>;
}

/// Starts commands as processes of this machine, each in a process group of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalCommands;

impl CommandHost for LocalCommands {
    fn start(&self, line: &CommandLine) -> io::Result<RunningCommand> {
        let (program, arguments) = line.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        // A program in the task's folder is named relative to it, whatever folder this program runs in.
        let program = if program.contains('/') { line.folder.join(program) } else { PathBuf::from(program) };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&line.folder).env_clear().envs(&line.env);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let no_pipe = || io::Error::other("the process has no pipe");
        Ok(RunningCommand {
            stdin: Box::new(stdin.ok_or_else(no_pipe)?),
            stdout: Box::new(stdout.ok_or_else(no_pipe)?),
            stderr: Box::new(stderr.ok_or_else(no_pipe)?),
            process: Box::new(Group(child)),
        })
    }
}

/// A process with its group: both end when it is dropped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.0.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
            // Where the group is gone already there is nothing left to end.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.0.start_kill();
    }
}
