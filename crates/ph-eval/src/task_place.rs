//! Where a task stands: a folder on disk, or files embedded in the program.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use ph_record::TaskFiles;

/// The file that describes a task.
pub(crate) const TASK_FILE: &str = "task.toml";

/// Where a task stands. Files are named relative to it; nothing outside it can be reached.
#[derive(Debug, Clone)]
pub enum TaskPlace {
    /// A task file on disk, or a folder with a `task.toml`.
    Disk(PathBuf),
    /// Files embedded in the program: a name for messages, and the files, `task.toml` among them.
    Embedded {
        /// The name.
        name: String,
        /// The files by their path.
        files: Arc<BTreeMap<String, Cow<'static, [u8]>>>,
    },
}

impl TaskPlace {
    /// Embedded files.
    pub fn embedded(name: impl Into<String>, files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>) -> Self {
        TaskPlace::Embedded { name: name.into(), files: Arc::new(files.into_iter().collect()) }
    }

    /// The name of the task file as messages show it.
    #[must_use]
    pub fn task_file(&self) -> String {
        match self {
            TaskPlace::Disk(_) => self.disk_file().display().to_string(),
            TaskPlace::Embedded { name, .. } => format!("{name}/{TASK_FILE}"),
        }
    }

    /// The task file's text.
    pub(crate) fn read_task_file(&self) -> io::Result<String> {
        let mut text = String::new();
        let mut reader = match self {
            TaskPlace::Disk(_) => Box::new(open_file(&self.disk_file())?) as Box<dyn Read>,
            TaskPlace::Embedded { .. } => self.open(TASK_FILE)?,
        };
        reader.by_ref().take(TASK_FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
        if text.len() as u64 > TASK_FILE_BYTES_MAX {
            return Err(io::Error::other(format!("larger than {TASK_FILE_BYTES_MAX} bytes")));
        }
        Ok(text)
    }

    /// How messages name the file `name` of the task.
    pub(crate) fn display(&self, name: &str) -> String {
        match self {
            TaskPlace::Disk(_) => self.folder().join(name).display().to_string(),
            TaskPlace::Embedded { name: task, .. } => format!("{task}/{name}"),
        }
    }

    /// Opens the file `name` of the task.
    pub(crate) fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        if !is_inside(name) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, OUTSIDE));
        }
        match self {
            TaskPlace::Disk(_) => Ok(Box::new(self.open_disk(name)?)),
            TaskPlace::Embedded { files, .. } => {
                let bytes = files.get(name).ok_or(io::ErrorKind::NotFound)?.clone();
                Ok(Box::new(Cursor::new(bytes)))
            }
        }
    }

    /// Opens the file `name` of the task so that any byte of it can be reached.
    pub(crate) fn open_seekable(&self, name: &str) -> io::Result<Seekable> {
        if !is_inside(name) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, OUTSIDE));
        }
        match self {
            TaskPlace::Disk(_) => self.open_disk(name).map(Seekable::Disk),
            TaskPlace::Embedded { files, .. } => {
                Ok(Seekable::Memory(Cursor::new(files.get(name).ok_or(io::ErrorKind::NotFound)?.clone())))
            }
        }
    }

    fn open_disk(&self, name: &str) -> io::Result<File> {
        let folder = self.folder().canonicalize()?;
        let path = folder.join(name).canonicalize()?;
        if !path.starts_with(&folder) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, OUTSIDE));
        }
        open_file(&path)
    }

    fn disk_file(&self) -> PathBuf {
        match self {
            TaskPlace::Disk(path) if path.is_dir() => path.join(TASK_FILE),
            TaskPlace::Disk(path) => path.clone(),
            TaskPlace::Embedded { .. } => PathBuf::new(),
        }
    }

    fn folder(&self) -> PathBuf {
        let file = self.disk_file();
        match file.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    }
}

impl TaskFiles for TaskPlace {
    fn open_file(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        self.open(name)
    }

    fn folder(&self) -> Option<PathBuf> {
        match self {
            TaskPlace::Disk(_) => Some(TaskPlace::folder(self)),
            TaskPlace::Embedded { .. } => None,
        }
    }
}

/// An open file of a task.
#[derive(Debug)]
pub(crate) enum Seekable {
    /// On disk.
    Disk(File),
    /// Embedded in the program.
    Memory(Cursor<Cow<'static, [u8]>>),
}

impl Read for Seekable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Seekable::Disk(file) => file.read(buffer),
            Seekable::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Seekable {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Seekable::Disk(file) => file.seek(to),
            Seekable::Memory(bytes) => bytes.seek(to),
        }
    }
}

/// Opens a plain file. Looked at before it is opened: opening a pipe waits for a writer, which may never come.
fn open_file(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

const TASK_FILE_BYTES_MAX: u64 = 4 << 20;
const OUTSIDE: &str = "the file is outside the task's folder";

/// Whether a relative path stays inside its folder.
pub(crate) fn is_inside(name: &str) -> bool {
    !name.is_empty()
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}
