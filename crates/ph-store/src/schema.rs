//! The schema and its history. Portable on purpose: ids and JSON are TEXT, instants INTEGER epoch milliseconds, and what
//! must hold is said in CHECKs and triggers.

use rusqlite_migration::{M, Migrations};

/// What marks the file as ours: `PHST`.
pub(crate) const APPLICATION_ID: i64 = 0x5048_5354;

/// Append-only: a schema that was shipped is never changed, only followed by the next.
const HISTORY: &[M<'static>] = &[M::up(ENTRIES_AND_LEASES)];

/// The newest version of the schema.
pub(crate) const KNOWN: u64 = HISTORY.len() as u64;

pub(crate) const MIGRATIONS: Migrations<'static> = Migrations::from_slice(HISTORY);

const ENTRIES_AND_LEASES: &str = "
    PRAGMA application_id = 1346917204;

    CREATE TABLE entry (
        log  TEXT    NOT NULL CHECK (log <> ''),
        idx  INTEGER NOT NULL CHECK (idx >= 0),
        at   INTEGER NOT NULL,
        leaf BLOB    NOT NULL CHECK (length(leaf) <= 65535),
        body TEXT    NOT NULL CHECK (length(body) = 71),
        PRIMARY KEY (log, idx)
    ) STRICT, WITHOUT ROWID;

    -- Before any conflict is resolved, so that INSERT OR REPLACE changes nothing either.
    CREATE TRIGGER entry_is_the_next BEFORE INSERT ON entry
    WHEN NEW.idx <> coalesce((SELECT idx + 1 FROM entry WHERE log = NEW.log ORDER BY idx DESC LIMIT 1), 0)
    BEGIN SELECT RAISE(ABORT, 'an entry follows the last one of its log'); END;

    CREATE TRIGGER entry_stays BEFORE UPDATE ON entry
    BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;

    CREATE TRIGGER entry_remains BEFORE DELETE ON entry
    BEGIN SELECT RAISE(ABORT, 'an entry is never removed'); END;

    CREATE TABLE lease (
        name   TEXT    NOT NULL PRIMARY KEY CHECK (name <> ''),
        holder TEXT    NOT NULL CHECK (holder <> ''),
        until  INTEGER NOT NULL
    ) STRICT;
";

/// Every statement that this crate runs; a test prepares each.
pub(crate) mod sql {
    /// The index after the last of a log.
    pub(crate) const SIZE: &str =
        "SELECT coalesce((SELECT idx + 1 FROM entry WHERE log = ?1 ORDER BY idx DESC LIMIT 1), 0)";
    pub(crate) const APPEND: &str = "INSERT INTO entry (log, idx, at, leaf, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    pub(crate) const READ: &str =
        "SELECT idx, at, leaf, body FROM entry WHERE log = ?1 AND idx >= ?2 ORDER BY idx LIMIT ?3";
    /// Taken where it is free or lapsed at `now` (?4).
    pub(crate) const ACQUIRE: &str = "INSERT INTO lease (name, holder, until) VALUES (?1, ?2, ?3) \
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE lease.until <= ?4";
    /// Lengthened where it is still exactly the one that is held and has not lapsed at `now` (?5).
    pub(crate) const RENEW: &str =
        "UPDATE lease SET until = ?4 WHERE name = ?1 AND holder = ?2 AND until = ?3 AND until > ?5";
    pub(crate) const RELEASE: &str = "DELETE FROM lease WHERE name = ?1 AND holder = ?2 AND until = ?3";
    /// Held still, and not lapsed at `now` (?4).
    pub(crate) const HELD: &str =
        "SELECT EXISTS (SELECT 1 FROM lease WHERE name = ?1 AND holder = ?2 AND until = ?3 AND until > ?4)";

    #[cfg(test)]
    pub(crate) const ALL: [&str; 7] = [SIZE, APPEND, READ, ACQUIRE, RENEW, RELEASE, HELD];
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn latest() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        MIGRATIONS.to_latest(&mut connection).unwrap();
        connection
    }

    #[test]
    fn every_statement_can_be_prepared() {
        let connection = latest();
        for statement in sql::ALL {
            connection.prepare(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
    }

    #[test]
    fn the_history_is_whole_and_marks_the_file() {
        MIGRATIONS.validate().unwrap();
        let id: i64 = latest().pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
        assert_eq!(id, APPLICATION_ID);
    }

    #[test]
    fn a_log_is_read_along_its_key() {
        let connection = latest();
        for statement in [sql::SIZE, sql::READ] {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
            let count = plan.parameter_count();
            let parameters = rusqlite::params_from_iter((0..count).map(|_| "1"));
            let steps: Vec<String> =
                plan.query_map(parameters, |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
            assert!(steps.iter().any(|step| step.contains("USING PRIMARY KEY")), "{steps:?}");
            assert!(!steps.iter().any(|step| step.contains("B-TREE")), "{steps:?}");
        }
    }
}
