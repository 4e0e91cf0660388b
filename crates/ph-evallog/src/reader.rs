//! Reads a log: header, summaries, one sample, or all samples one after the other.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ph_base::Digest;
use ph_model::nesting::is_deeper;
use serde_json::Value;

use crate::chunked;
use crate::error::{LogError, Result, file};
use crate::json_array::each_element;
use crate::lenient::{self, VALUES_MAX};
use crate::names::{CONFIG_UPDATES, HEADER, JOURNAL_SUMMARIES, SAMPLES, START, SUMMARIES, log_id, sample_of, shell_of};
use crate::old_shape::renew_log;
use crate::pack::PackedEntry;
use crate::summary::SampleSummary;
use crate::zip::{DirectoryEntry, Method, ReadLimits, ZipFile};

/// The most bytes of a `.json` log, which has to be read whole.
const JSON_BYTES_MAX: u64 = 1 << 30;

/// An open log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EvalLog {
    path: PathBuf,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Zip(ZipFile),
    Json(Arc<Value>),
}

/// The header of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// `EvalLog` without samples; of an unfinished log what its journal says.
    pub value: Value,
    /// Whether the log has its end.
    pub is_finished: bool,
}

/// Where a sample of a log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplePlace {
    /// The item's id in the log.
    pub id: String,
    /// The epoch.
    pub epoch: u32,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// One entry.
    Whole(DirectoryEntry<'static>),
    /// Several entries, of which this is the shell.
    Pieces(DirectoryEntry<'static>),
    /// The sample at this index of a `.json` log.
    Json(usize),
}

impl EvalLog {
    /// Opens a log with the default limits.
    ///
    /// # Errors
    /// [`LogError`] where it cannot be read or is no log.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, ReadLimits::default())
    }

    /// Opens a log: `.eval` or `.json`, told apart by its first bytes.
    ///
    /// # Errors
    /// [`LogError`] where it cannot be read or is no log.
    pub fn open_with(path: &Path, limits: ReadLimits) -> Result<Self> {
        let mut first = [0; 1];
        // Opening a pipe would wait for whoever writes it.
        if !std::fs::metadata(path).map_err(file(path))?.is_file() {
            return Err(LogError::archive(path, "it is not a regular file"));
        }
        let mut handle = File::open(path).map_err(file(path))?;
        let read = handle.read(&mut first).map_err(file(path))?;
        let body = match first[..read] {
            [b'{'] => Body::Json(Arc::new(json_log(path, handle)?)),
            _ => Body::Zip(ZipFile::open(path, limits)?),
        };
        Ok(Self { path: path.to_owned(), body })
    }

    /// Opens a `.eval` log that is a part of a file: a member of an archive that holds it as it is. `name` is what errors call
    /// it.
    ///
    /// # Errors
    /// [`LogError`] where these bytes are no log.
    pub fn within(name: &Path, file: (Arc<File>, Range<u64>), limits: ReadLimits) -> Result<Self> {
        Ok(Self { path: name.to_owned(), body: Body::Zip(ZipFile::within(name, file, limits)?) })
    }

    /// Calls `each` with the digest of the payload, compressed as it stands, of every entry that belongs to a sample, in the
    /// order in which they lie in the file. A `.json` log has none.
    ///
    /// # Errors
    /// [`LogError`] where the log is damaged.
    pub fn sample_digests(&self, mut each: impl FnMut(Digest)) -> Result<()> {
        let Body::Zip(zip) = &self.body else { return Ok(()) };
        let mut entries = Vec::new();
        let mut scan = zip.scan();
        while let Some(entry) = scan.next_entry()? {
            if entry.name.starts_with(SAMPLES) {
                entries.push(entry.into_owned());
            }
        }
        entries.sort_by_key(|entry| entry.offset);
        for entry in &entries {
            each(Digest::of(&zip.payload(entry)?));
        }
        Ok(())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The header; of a log that was never finished what its start says, with status `started`.
    ///
    /// # Errors
    /// [`LogError`] where it has neither header nor start.
    pub fn header(&self) -> Result<Header> {
        let zip = match &self.body {
            Body::Zip(zip) => zip,
            Body::Json(log) => return Ok(json_header(log)),
        };
        let (mut header, mut start, mut updates) = (None, None, Vec::new());
        let mut scan = zip.scan();
        while let Some(entry) = scan.next_entry()? {
            match &*entry.name {
                HEADER => header = Some(entry.into_owned()),
                START => start = Some(entry.into_owned()),
                name if name.starts_with(CONFIG_UPDATES) => updates.push(entry.into_owned()),
                _ => {}
            }
        }
        if let Some(entry) = header {
            return Ok(Header { value: self.object(&entry)?, is_finished: true });
        }
        let Some(entry) = start else {
            return Err(LogError::archive(
                &self.path,
                "it is a ZIP archive without `header.json` and `_journal/start.json`",
            ));
        };
        let mut value = self.object(&entry)?;
        value["status"] = "started".into();
        updates.sort_by_key(|entry| number_of(&entry.name, CONFIG_UPDATES));
        zip.check_together(CONFIG_UPDATES, updates.iter())?;
        if !updates.is_empty() {
            let mut left = VALUES_MAX;
            value["config_updates"] =
                updates.iter().map(|entry| self.value_of(entry, &mut left)).collect::<Result<_>>()?;
        }
        Ok(Header { value, is_finished: false })
    }

    /// Calls `each` with the document of every sample's summary, in the log's order.
    ///
    /// # Errors
    /// [`LogError`] where they cannot be read, and whatever `each` returns.
    pub fn summaries(&self, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let zip = match &self.body {
            Body::Zip(zip) => zip,
            Body::Json(log) => return json_summaries(log, each),
        };
        let (mut whole, mut flushed) = (None, Vec::new());
        let mut scan = zip.scan();
        while let Some(entry) = scan.next_entry()? {
            if entry.name == SUMMARIES {
                whole = Some(entry.into_owned());
            } else if entry.name.starts_with(JOURNAL_SUMMARIES) {
                flushed.push(entry.into_owned());
            }
        }
        match whole {
            Some(entry) => self.array(&entry, &mut each),
            None => self.flushed_summaries(flushed, each),
        }
    }

    /// Summaries as an unfinished log has them: lists numbered from 1, of which none may be missing; of several for the
    /// same sample the last counts.
    fn flushed_summaries(
        &self,
        mut flushed: Vec<DirectoryEntry<'static>>,
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        flushed.sort_by_key(|entry| number_of(&entry.name, JOURNAL_SUMMARIES));
        flushed.dedup_by(|later, earlier| {
            let same = later.name == earlier.name;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        for (index, entry) in flushed.iter().enumerate() {
            if number_of(&entry.name, JOURNAL_SUMMARIES) != Some(index as u64 + 1) {
                let problem = format!("the list of summaries {} is missing", index + 1);
                return Err(LogError::entry(&self.path, JOURNAL_SUMMARIES, problem));
            }
        }
        let mut last: HashMap<u64, u64> = HashMap::new();
        let mut count = 0;
        for entry in &flushed {
            self.array(entry, &mut |summary| {
                last.insert(self.summary_key(summary)?, count);
                count += 1;
                Ok(())
            })?;
        }
        let mut at = 0;
        for entry in &flushed {
            self.array(entry, &mut |summary| {
                let counts = last.get(&self.summary_key(summary)?) == Some(&at);
                at += 1;
                if counts { each(summary) } else { Ok(()) }
            })?;
        }
        Ok(())
    }

    fn summary_key(&self, summary: &[u8]) -> Result<u64> {
        let read = SampleSummary::parse(summary)
            .map_err(|error| LogError::entry(&self.path, JOURNAL_SUMMARIES, error.to_string()))?;
        Ok(key(&(read.id(), read.epoch)))
    }

    /// The places of all samples in the log's order. Of several entries of the same name the last counts; of a sample
    /// that is there whole and in pieces, the one that stands later.
    ///
    /// # Errors
    /// [`LogError`] where the directory is damaged.
    pub fn samples(&self) -> Result<Vec<SamplePlace>> {
        let mut places = Vec::new();
        self.each_place(|place| {
            places.push(place);
            Ok::<_, LogError>(())
        })?;
        Ok(places)
    }

    /// Calls `each` with the places of all samples; see [`Self::samples`]. Holds 16 bytes per sample.
    ///
    /// # Errors
    /// [`LogError`] where the directory is damaged, and whatever `each` returns.
    pub fn each_place<E: From<LogError>>(&self, mut each: impl FnMut(SamplePlace) -> Result<(), E>) -> Result<(), E> {
        let zip = match &self.body {
            Body::Zip(zip) => zip,
            Body::Json(log) => return json_samples(&self.path, log).try_for_each(|place| each(place?)),
        };
        let mut last: HashMap<u64, u64> = HashMap::new();
        let mut at = 0_u64;
        let mut scan = zip.scan();
        while let Some(entry) = scan.next_entry()? {
            if let Some(sample) = any_sample_of(&entry.name) {
                last.insert(key(&sample), at);
            }
            at += 1;
        }
        at = 0;
        let mut scan = zip.scan();
        while let Some(entry) = scan.next_entry()? {
            if let Some((id, epoch)) = any_sample_of(&entry.name).filter(|sample| last.get(&key(sample)) == Some(&at)) {
                let (id, entry) = (id.to_owned(), entry.clone().into_owned());
                let place = if shell_of(&entry.name).is_some() { Place::Pieces(entry) } else { Place::Whole(entry) };
                each(SamplePlace { id, epoch, place })?;
            }
            at += 1;
        }
        Ok(())
    }

    /// The sample of this item at this epoch as Inspect's `EvalSample`, its references not yet put in place.
    ///
    /// # Errors
    /// [`LogError::NoSample`] where there is none; other errors where it cannot be read.
    pub fn sample(&self, id: &str, epoch: u32) -> Result<Value> {
        // A log made here has our form of the id, one made elsewhere may have the id itself.
        let mut wanted = vec![log_id(id), id.to_owned()];
        wanted.dedup();
        // Most names are told apart by this alone, which is cheaper than taking them to pieces.
        let begin: Vec<String> = wanted.iter().map(|id| format!("{SAMPLES}{id}_epoch_")).collect();
        let mut found = None;
        match &self.body {
            Body::Zip(zip) => {
                let mut scan = zip.scan();
                while let Some(entry) = scan.next_entry()? {
                    let is_it = |(id, at): (&str, u32)| at == epoch && wanted.iter().any(|wanted| id == wanted);
                    let may_be = begin.iter().any(|begin| entry.name.starts_with(begin));
                    if may_be && any_sample_of(&entry.name).is_some_and(is_it) {
                        let is_shell = shell_of(&entry.name).is_some();
                        let entry = entry.into_owned();
                        found = Some(if is_shell { Place::Pieces(entry) } else { Place::Whole(entry) });
                    }
                }
            }
            Body::Json(log) => {
                let mut all = json_samples(&self.path, log).flatten();
                found = all.find(|place| place.epoch == epoch && wanted.contains(&place.id)).map(|place| place.place);
            }
        }
        match found {
            Some(place) => self.at(&place),
            None => Err(LogError::NoSample { path: self.path.clone(), sample: crate::error::shown(id), epoch }),
        }
    }

    /// The sample at a place.
    ///
    /// # Errors
    /// [`LogError`] where it cannot be read.
    pub fn sample_at(&self, place: &SamplePlace) -> Result<Value> {
        self.at(&place.place)
    }

    /// The entry of a sample that is one entry, as it stands in the log, to be copied; `None` for any other.
    ///
    /// # Errors
    /// [`LogError`] where it cannot be read.
    pub fn packed_at(&self, place: &SamplePlace) -> Result<Option<PackedEntry<'static>>> {
        let (Body::Zip(zip), Place::Whole(entry)) = (&self.body, &place.place) else { return Ok(None) };
        let Some(method) = Method::of(entry.method) else { return Ok(None) };
        let payload = std::borrow::Cow::Owned(zip.payload(entry)?);
        Ok(Some(PackedEntry { method, crc32: entry.crc32, size: entry.size, payload }))
    }

    /// An error that names a sample's place in this log.
    #[must_use]
    pub fn sample_error(&self, place: &SamplePlace, problem: impl Into<String>) -> LogError {
        LogError::entry(&self.path, &format!("sample {} epoch {}", place.id, place.epoch), problem)
    }

    fn at(&self, place: &Place) -> Result<Value> {
        match (place, &self.body) {
            (Place::Whole(entry), _) => self.object(entry),
            (Place::Pieces(shell), Body::Zip(zip)) => {
                let value = self.object(shell)?;
                let prefix = shell.name.trim_end_matches("sample.json").to_owned();
                let mut left = VALUES_MAX;
                let joined = chunked::join(value, &prefix, zip, |entry| self.value_of(entry, &mut left))?;
                if is_deeper(&joined, lenient::FOREIGN_LEVELS_MAX) {
                    return Err(LogError::entry(&self.path, &prefix, "its pieces together are nested too deep"));
                }
                Ok(joined)
            }
            (Place::Json(index), Body::Json(log)) => Ok(log["samples"][index].clone()),
            _ => Err(LogError::archive(&self.path, "the sample is of another log")),
        }
    }

    fn object(&self, entry: &DirectoryEntry<'_>) -> Result<Value> {
        let value = self.value(entry)?;
        if value.is_object() { Ok(value) } else { Err(LogError::entry(&self.path, &entry.name, "it is not an object")) }
    }

    fn value(&self, entry: &DirectoryEntry<'_>) -> Result<Value> {
        let document = self.document(entry)?;
        lenient::parse_foreign(&document).map_err(|error| LogError::entry(&self.path, &entry.name, error.to_string()))
    }

    /// The value of one of several entries that together may hold so many values.
    fn value_of(&self, entry: &DirectoryEntry<'_>, values_left: &mut usize) -> Result<Value> {
        let document = self.document(entry)?;
        lenient::parse_part(&document, values_left)
            .map_err(|error| LogError::entry(&self.path, &entry.name, error.to_string()))
    }

    fn document(&self, entry: &DirectoryEntry<'_>) -> Result<Vec<u8>> {
        let Body::Zip(zip) = &self.body else { return Err(LogError::archive(&self.path, "it is no archive")) };
        let mut reader = zip.read(entry)?;
        // What is declared is not yet there: the room for it is made as it comes.
        let mut document = Vec::with_capacity(usize::try_from(entry.size).unwrap_or(0).min(16 << 20));
        reader.read_to_end(&mut document).map_err(|error| self.read_error(entry, &error))?;
        Ok(document)
    }

    fn array(&self, entry: &DirectoryEntry<'_>, each: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Body::Zip(zip) = &self.body else { return Ok(()) };
        each_element(zip.read(entry)?, |element| each(element).map_err(Stop::Log)).map_err(|stop| match stop {
            Stop::Log(error) => error,
            Stop::Read(error) => self.read_error(entry, &error),
        })
    }

    fn read_error(&self, entry: &DirectoryEntry<'_>, error: &io::Error) -> LogError {
        LogError::entry(&self.path, &entry.name, error.to_string())
    }
}

/// Why going through an array ended.
enum Stop {
    Read(io::Error),
    Log(LogError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Read(error)
    }
}

fn any_sample_of(name: &str) -> Option<(&str, u32)> {
    shell_of(name).or_else(|| sample_of(name))
}

fn key(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// The number of a numbered entry, for instance 3 of `_journal/summaries/3.json`.
fn number_of(name: &str, folder: &str) -> Option<u64> {
    name.strip_prefix(folder)?.strip_suffix(".json")?.parse().ok()
}

fn json_log(path: &Path, mut handle: File) -> Result<Value> {
    let bytes = handle.metadata().map_err(file(path))?.len();
    if bytes > JSON_BYTES_MAX {
        return Err(LogError::archive(
            path,
            "a `.json` log of more than 1 GiB is not read; convert it with `inspect log convert`",
        ));
    }
    let mut document = Vec::from([b'{']);
    handle.by_ref().take(JSON_BYTES_MAX).read_to_end(&mut document).map_err(file(path))?;
    let mut log = lenient::parse_foreign(&document).map_err(|error| LogError::archive(path, error.to_string()))?;
    renew_log(&mut log);
    if log.get("eval").is_some_and(Value::is_object) {
        Ok(log)
    } else {
        Err(LogError::archive(path, "it is JSON without an `eval` object"))
    }
}

fn json_header(log: &Value) -> Header {
    let fields = log.as_object().into_iter().flatten();
    let fields = fields.filter(|(name, _)| *name != "samples" && *name != "reductions");
    let value = Value::Object(fields.map(|(name, field)| (name.clone(), field.clone())).collect());
    let is_finished = value.get("status").and_then(Value::as_str) != Some("started");
    Header { value, is_finished }
}

fn json_samples<'a>(path: &'a Path, log: &'a Value) -> impl Iterator<Item = Result<SamplePlace>> + 'a {
    let samples = log.get("samples").and_then(Value::as_array).into_iter().flatten().enumerate();
    samples.map(move |(index, sample)| {
        let summary = SampleSummary::of_sample(sample)
            .ok_or_else(|| LogError::entry(path, &format!("samples[{index}]"), "it has no usable `id` and `epoch`"))?;
        Ok(SamplePlace { id: summary.id(), epoch: summary.epoch, place: Place::Json(index) })
    })
}

fn json_summaries(log: &Value, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    for sample in log.get("samples").and_then(Value::as_array).into_iter().flatten() {
        let mut summary = serde_json::Map::new();
        for name in [
            "id",
            "epoch",
            "input",
            "target",
            "metadata",
            "scores",
            "model_usage",
            "started_at",
            "completed_at",
            "total_time",
            "working_time",
            "uuid",
        ] {
            if let Some(value) = sample.get(name) {
                summary.insert(name.to_owned(), value.clone());
            }
        }
        for (name, inner) in [("error", "message"), ("limit", "type")] {
            if let Some(value) = sample.get(name).and_then(|field| field.get(inner)) {
                summary.insert(name.to_owned(), value.clone());
            }
        }
        each(Value::Object(summary).to_string().as_bytes())?;
    }
    Ok(())
}
