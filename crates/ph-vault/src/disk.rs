//! The machine's own files as a [`FileLayer`], for their owner alone: files have mode 0600 from their first byte on.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use ph_base::{AppendFile, FileLayer};

/// What a file is called while it is written in the place of another.
pub(crate) const NEW: &str = ".tmp";

/// The machine's files, readable by their owner alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct PrivateDisk;

impl FileLayer for PrivateDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        let file = private().create_new(true).append(true).open(path)?;
        sync_folder_of(path)?;
        Ok(Box::new(PrivateFile(file)))
    }

    fn cut(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(bytes)?;
        file.sync_all()
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(NEW);
        let new = Path::new(&name);
        // One that an earlier attempt left may have another mode.
        remove(new)?;
        let mut file = private().create_new(true).write(true).open(new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(new, path)?;
        sync_folder_of(path)
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder, and those above it, for its owner alone; what is there stays as it is.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folder(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    sync_folder_of(path)
}

/// Removes what writes that were cut short have left behind: it may hold keys that were destroyed since.
pub(crate) fn remove_leftovers(folder: &Path) -> io::Result<()> {
    let mut removed = false;
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.to_string_lossy().ends_with(NEW) {
            remove(&path)?;
            removed = true;
        }
    }
    if removed { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

struct PrivateFile(File);

impl AppendFile for PrivateFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}
