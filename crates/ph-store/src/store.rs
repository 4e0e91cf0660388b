//! The database as a whole: opening it, writing and reading.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use rusqlite_migration::{Error as MigrationError, MigrationDefinitionError, SchemaVersion};

use crate::schema::{APPLICATION_ID, KNOWN, MIGRATIONS};
use crate::writer::{Writer, Writing};
use crate::{SqlEntryStore, StoreError};

/// How long a write waits for another process's.
const BUSY_WAIT: Duration = Duration::from_secs(30);
/// The most connections for reading.
const READERS_MAX: u32 = 8;

/// The database. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct Store(Arc<Open>);

struct Open {
    path: PathBuf,
    readers: r2d2::Pool<SqliteConnectionManager>,
    // Dropped last: the last connection to close brings the write-ahead log into the file, which a reader cannot.
    writer: Writer,
}

impl Store {
    /// Opens a database, made if it is not there (mode 0600), and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::Damaged`], [`StoreError::Foreign`], [`StoreError::Newer`],
    /// [`StoreError::Migrate`], [`StoreError::Busy`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make_file(path).map_err(|error| cannot_open(path, error))?;
        let mut connection = Connection::open(path).map_err(|error| cannot_open(path, error))?;
        let is_ready = set_up(&connection).and_then(|()| is_ours(&connection));
        if !is_ready.map_err(|error| StoreError::Sql(error).of_file(path))? {
            return Err(StoreError::Foreign { path: path.to_owned() });
        }
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
        migrate(&mut connection, path)?;
        let writer = Writer::start(connection, path).map_err(|error| cannot_open(path, error))?;
        Ok(Self(Arc::new(Open { path: path.to_owned(), readers: readers(path), writer })))
    }

    /// Runs `work` inside a transaction with whatever others write at the same time, and returns once it is on the disk.
    /// Where `work` fails, all that it wrote is taken back and nothing of the others'. Blocks; `work` must not call the
    /// store itself and should be short.
    ///
    /// # Errors
    /// What `work` returns; [`StoreError::Commit`] where the disk fails, [`StoreError::Broken`] ever after;
    /// [`StoreError::Busy`] where another process does not let go.
    pub fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.0.writer.write(work).map_err(|error| error.of_file(&self.0.path))
    }

    /// Runs `look` on one committed state of the database, whatever is written meanwhile.
    ///
    /// # Errors
    /// What `look` returns; [`StoreError::NoReader`], [`StoreError::Damaged`].
    pub fn read<T>(&self, look: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let path = &self.0.path;
        let connection = self.0.readers.get();
        let connection = connection.map_err(|source| StoreError::NoReader { path: path.clone(), source })?;
        let state = connection.unchecked_transaction().map_err(|error| StoreError::Sql(error).of_file(path))?;
        look(&state).map_err(|error| error.of_file(path))
    }

    /// The entries of one log.
    #[must_use]
    pub fn entries(&self, log: &str) -> SqlEntryStore {
        SqlEntryStore::new(self.clone(), log)
    }

    /// Reads every page and every index; takes as long as that takes. SQLite has no checksums, so a changed value inside
    /// a well-formed row is found only by whoever holds its digest: the ledger's tree.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first problems that SQLite names.
    pub fn check(&self) -> Result<(), StoreError> {
        let problems = self.read(|connection| {
            let mut check = connection.prepare("PRAGMA integrity_check(10)")?;
            Ok(check.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?)
        })?;
        if problems == ["ok"] {
            return Ok(());
        }
        Err(StoreError::Damaged { path: self.0.path.clone(), problem: problems.join("; ") })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

fn cannot_open(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Open { path: path.to_owned(), source: Box::new(error) }
}

/// Makes the file, for its owner alone, before SQLite would make it for everybody; the files beside it take its mode.
fn make_file(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => file.sync_all()?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    // First, because the switch to WAL may have to wait too.
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}

/// Whether the file is ours or nobody's yet.
fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let is_empty = || connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0));
    if id == APPLICATION_ID { Ok(true) } else { is_empty() }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let first = MIGRATIONS.to_latest(connection);
    // Another process may have done the same at the same time; then there is nothing left to do.
    let done = if first.is_err() { MIGRATIONS.to_latest(connection) } else { first };
    match done {
        Ok(()) => Ok(()),
        Err(MigrationError::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead)) => {
            Err(StoreError::Newer { path: path.to_owned(), found: version(connection), known: KNOWN })
        }
        Err(MigrationError::RusqliteError { err, .. }) => Err(StoreError::Sql(err).of_file(path)),
        Err(source) => Err(StoreError::Migrate { path: path.to_owned(), source }),
    }
}

fn version(connection: &Connection) -> u64 {
    match MIGRATIONS.current_version(connection) {
        Ok(SchemaVersion::Inside(version) | SchemaVersion::Outside(version)) => version.get() as u64,
        Ok(SchemaVersion::NoneSet) | Err(_) => 0,
    }
}

/// Connections are opened as they are needed.
fn readers(path: &Path) -> r2d2::Pool<SqliteConnectionManager> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let manager = SqliteConnectionManager::file(path).with_flags(flags).with_init(|connection| {
        connection.busy_timeout(BUSY_WAIT)?;
        connection.pragma_update(None, "trusted_schema", false)
    });
    let pool = r2d2::Pool::builder().max_size(READERS_MAX).min_idle(Some(0)).test_on_check_out(false);
    pool.connection_timeout(BUSY_WAIT).build_unchecked(manager)
}
