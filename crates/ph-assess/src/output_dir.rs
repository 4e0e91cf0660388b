//! The output directory of an assessment:
//! `assessment.json`, `plan.json`, `runs/<run>/…`, `report/{report.json, report.html}`.

use std::io;
use std::path::{Path, PathBuf};

use ph_base::Digest;
use serde::Serialize;

/// An output directory, made and empty when it was opened.
#[derive(Debug, Clone)]
pub struct OutputDir {
    root: PathBuf,
}

/// The output directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Something is in it already.
    #[error("output directory `{}` is not empty", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be made, or a file in it cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A value cannot be written as JSON.
    #[error("cannot write `{}` as JSON", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl OutputDir {
    /// Whether [`Self::create`] would find the directory absent or empty; makes nothing.
    ///
    /// # Errors
    /// [`OutputError::NotEmpty`] where something is in it already.
    pub fn check_free(root: &Path) -> Result<(), OutputError> {
        // What cannot be read is told by `create`, which has to write there.
        match std::fs::read_dir(root).map(|mut entries| entries.next().is_some()) {
            Ok(true) => Err(OutputError::NotEmpty { path: root.to_owned() }),
            _ => Ok(()),
        }
    }

    /// Makes the directory, which must not exist yet or be empty.
    ///
    /// # Errors
    /// [`OutputError`] where it is not empty or cannot be made.
    pub fn create(root: &Path) -> Result<Self, OutputError> {
        let write = |source| OutputError::Write { path: root.to_owned(), source };
        std::fs::create_dir_all(root).map_err(write)?;
        if std::fs::read_dir(root).map_err(write)?.next().is_some() {
            return Err(OutputError::NotEmpty { path: root.to_owned() });
        }
        Self::open(root)
    }

    /// Opens the directory of an assessment that is gone on with.
    ///
    /// # Errors
    /// [`OutputError::Write`] where its folders cannot be made.
    pub fn open(root: &Path) -> Result<Self, OutputError> {
        let dir = Self { root: root.to_owned() };
        for path in [dir.runs(), dir.report()] {
            std::fs::create_dir_all(&path).map_err(|source| OutputError::Write { path, source })?;
        }
        Ok(dir)
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the runs are.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Where the report is.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.root.join("report")
    }

    /// Writes a value as JSON, whole or not at all; returns the digest of the bytes.
    ///
    /// # Errors
    /// [`OutputError`] where it cannot be written.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<Digest, OutputError> {
        let path = self.root.join(name);
        let mut bytes =
            serde_json::to_vec_pretty(value).map_err(|source| OutputError::Encode { path: path.clone(), source })?;
        bytes.push(b'\n');
        self.write(name, &bytes)?;
        Ok(Digest::of(&bytes))
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// [`OutputError`] where it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        let path = self.root.join(name);
        let part = path.with_extension("part");
        std::fs::write(&part, bytes)
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(|source| OutputError::Write { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine.txt"), "x").unwrap();
        assert!(matches!(OutputDir::create(dir.path()), Err(OutputError::NotEmpty { .. })));
        assert!(matches!(OutputDir::check_free(dir.path()), Err(OutputError::NotEmpty { .. })));
        assert!(OutputDir::check_free(&dir.path().join("new")).is_ok());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_digest_is_that_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let out = OutputDir::create(&dir.path().join("new")).unwrap();
        let digest = out.write_json("plan.json", &[1, 2]).unwrap();
        assert_eq!(digest, Digest::of(&std::fs::read(out.root().join("plan.json")).unwrap()));
        assert!(!out.root().join("plan.part").exists());
    }

    #[test]
    fn a_path_through_a_file_names_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let error = OutputDir::create(&file.join("out")).unwrap_err();
        assert!(error.to_string().contains("file/out"), "{error}");
    }
}
