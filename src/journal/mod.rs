//! The journal of a run: an SQLite file of records, each chained to the one before.
//!
//! The first record says what the run is; those after it are its events, in order. The state of the run is their fold
//! and stands nowhere else. A run has one writer, who holds its lock; anybody may read meanwhile.

mod runs;

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::machine::Event;
pub use runs::{Runs, new_id};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// From 1.
    pub number: i64,
    /// `run`, `owner` or `event`.
    pub kind: String,
    /// JSON.
    pub body: String,
    /// The SHA-256 over the chain of the record before, and this number, kind and body.
    pub chain: Vec<u8>,
}

/// What a run is.
pub const RUN: &str = "run";
/// Who goes on with it from here.
pub const OWNER: &str = "owner";
/// What happened to it.
pub const EVENT: &str = "event";

/// The journal of a run that this process drives.
pub struct Journal {
    connection: Connection,
    number: i64,
    chain: Vec<u8>,
    /// Held as long as the process lives, however that ends.
    _lock: File,
}

/// The journal of any run, to look at.
pub struct Reader {
    connection: Connection,
}

impl Journal {
    fn create(path: &Path, lock: File) -> rusqlite::Result<Journal> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        durable(&connection)?;
        connection.execute_batch(
            "CREATE TABLE records (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, chain BLOB NOT NULL) STRICT",
        )?;
        Ok(Journal { connection, number: 0, chain: Vec::new(), _lock: lock })
    }

    fn open(path: &Path, lock: File) -> rusqlite::Result<Journal> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        durable(&connection)?;
        let last = "SELECT number, chain FROM records ORDER BY number DESC LIMIT 1";
        let (number, chain) = connection.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Journal { connection, number, chain, _lock: lock })
    }

    /// Adds a record, durable when this is over.
    ///
    /// # Errors
    /// A sentence that says why it is not.
    pub fn add(&mut self, kind: &str, body: &impl Serialize) -> Result<(), String> {
        let body = serde_json::to_string(body).map_err(|error| error.to_string())?;
        self.add_all(kind, &[body])
    }

    fn add_all(&mut self, kind: &str, bodies: &[String]) -> Result<(), String> {
        let (mut number, mut chain) = (self.number, self.chain.clone());
        let mut write = || {
            let transaction = self.connection.transaction()?;
            for body in bodies {
                number += 1;
                chain = link(&chain, number, kind, body);
                let mut insert = transaction.prepare_cached("INSERT INTO records VALUES (?1, ?2, ?3, ?4)")?;
                insert.execute(params![number, kind, body, chain])?;
            }
            transaction.commit()
        };
        write().map_err(|error: rusqlite::Error| format!("the journal can not be written: {}", said(&error)))?;
        (self.number, self.chain) = (number, chain);
        Ok(())
    }
}

impl crate::run::Journal for Journal {
    fn write(&mut self, events: &[Event]) -> Result<(), String> {
        let bodies: Result<Vec<String>, _> = events.iter().map(serde_json::to_string).collect();
        self.add_all(EVENT, &bodies.map_err(|error| error.to_string())?)
    }
}

impl Reader {
    fn open(path: &Path) -> rusqlite::Result<Reader> {
        // Not read-only: what a writer that was killed has left beside the file is taken in by whoever comes next.
        Ok(Reader { connection: Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)? })
    }

    /// Gives every record to `take`, in order, until it answers an error.
    ///
    /// # Errors
    /// That error, or a sentence that says why the journal can not be read.
    pub fn each(&self, mut take: impl FnMut(Record) -> Result<(), String>) -> Result<(), String> {
        let unreadable = |error: rusqlite::Error| format!("the journal can not be read: {}", said(&error));
        let mut query = self
            .connection
            .prepare("SELECT number, kind, body, chain FROM records ORDER BY number")
            .map_err(unreadable)?;
        let mut rows = query.query([]).map_err(unreadable)?;
        while let Some(row) = rows.next().map_err(unreadable)? {
            let record =
                || Ok(Record { number: row.get(0)?, kind: row.get(1)?, body: row.get(2)?, chain: row.get(3)? });
            take(record().map_err(unreadable)?)?;
        }
        Ok(())
    }

    /// Whether every record is as it was written and none is missing between; how many there are.
    ///
    /// # Errors
    /// A sentence that says where the chain is broken.
    pub fn verify(&self) -> Result<i64, String> {
        let (mut number, mut chain) = (0, Vec::new());
        self.each(|record| {
            number += 1;
            if record.number != number {
                return Err(format!("record {number} is missing"));
            }
            chain = link(&chain, number, &record.kind, &record.body);
            if record.chain == chain { Ok(()) } else { Err(format!("record {number} is not as it was written")) }
        })?;
        Ok(number)
    }
}

fn durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.busy_timeout(std::time::Duration::from_secs(5))
}

fn link(before: &[u8], number: i64, kind: &str, body: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(number.to_be_bytes());
    hash.update(kind.as_bytes());
    hash.update([0]);
    hash.update(body.as_bytes());
    hash.finalize().to_vec()
}

/// What SQLite says, without its numbers.
fn said(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
        other => other.to_string(),
    }
}
