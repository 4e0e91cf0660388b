//! The file of a secret key: one line, `PRIVATE+KEY+…`, readable by its owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use ph_proof::note::NoteSigner;
use zeroize::Zeroizing;

use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

/// Larger than any key's text.
const FILE_BYTES_MAX: u64 = 4096;

/// Writes a key to a file that is not there yet. It has its name only once it is whole, whoever else makes one meanwhile.
pub(crate) fn write_new(file: &Path, signer: &NoteSigner) -> Result<(), Failure> {
    let shown = file.display();
    let there = || {
        Failure::new(Exit::Usage, "key::exists", format!("`{shown}` is there already"))
            .with_hint("a key is never written over: choose another `--out FILE`")
    };
    if file.exists() {
        return Err(there());
    }
    let part = file.with_extension(format!("part-{}", std::process::id()));
    let done = fill(&part, signer).and_then(|()| std::fs::hard_link(&part, file));
    // A part of a key would only be in the way.
    drop(std::fs::remove_file(&part));
    done.and_then(|()| sync_folder(file)).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return there();
        }
        Failure::new(Exit::Resource, "key::write", format!("cannot make `{shown}`: {error}"))
            .with_hint("free some room, or choose another place")
    })
}

fn fill(part: &Path, signer: &NoteSigner) -> io::Result<()> {
    let mut made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part)?;
    made.write_all(signer.secret_text().as_bytes())?;
    made.write_all(b"\n")?;
    made.sync_all()
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Reads a key. Says so where others than its owner can read it too.
pub(crate) fn read(file: &Path) -> Result<NoteSigner, Failure> {
    let shown = file.display();
    let (text, mode) = read_text(file).map_err(|error| {
        Failure::new(Exit::Malformed, "key::read", format!("cannot read the key in `{shown}`: {error}"))
            .with_hint("make one with `proofhouse key new NAME --out FILE`")
    })?;
    let signer = NoteSigner::from_secret_text(text.trim()).map_err(|error| {
        Failure::new(Exit::Malformed, "key::malformed", format!("`{shown}` holds no usable key: {error}"))
            .with_hint("make one with `proofhouse key new NAME --out FILE`")
    })?;
    if mode & 0o077 != 0 {
        output::say(&format!("others can read the key in `{shown}`: `chmod 600` it"));
    }
    Ok(signer)
}

/// The text, and the mode of the file.
fn read_text(file: &Path) -> io::Result<(Zeroizing<String>, u32)> {
    let opened = File::open(file)?;
    let mode = opened.metadata()?.permissions().mode();
    // With its whole room from the start, no copy of it is left behind in memory.
    let mut text = Zeroizing::new(String::with_capacity(2 * FILE_BYTES_MAX as usize));
    opened.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok((text, mode))
}
