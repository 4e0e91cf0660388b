//! The machine's own files as a [`FileLayer`]: synced with `fdatasync`, names with `fsync` of their folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::files::{AppendFile, FileLayer};

/// The machine's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl FileLayer for Disk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn AppendFile>> {
        let file = OpenOptions::new().create_new(true).append(true).open(path)?;
        sync_folder_of(path)?;
        Ok(Box::new(DiskFile(file)))
    }

    fn cut(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(bytes)?;
        file.sync_all()
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let new = Path::new(&name);
        let mut file = File::create(new)?;
        file.write_all(content)?;
        file.sync_data()?;
        fs::rename(new, path)?;
        sync_folder_of(path)
    }
}

/// Makes a folder and those above it that are not there; once this returns their names outlive a power cut.
///
/// # Errors
/// [`io::Error`] where that cannot be done.
pub fn make_folders(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_folders(above)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder_of(path),
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

struct DiskFile(File);

impl AppendFile for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_made_once_appended_to_cut_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = Disk.create(&path).unwrap();
        assert_eq!(Disk.create(&path).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        file.append(b"one").unwrap();
        file.append(b"two").unwrap();
        file.sync().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onetwo");
        Disk.cut(&path, 4).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onet");
        Disk.replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }
}
