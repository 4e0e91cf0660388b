//! The bytes around the members: every header as it has to be, and the names of its fields (APPNOTE.TXT §4.3, §4.5.3).

/// The most members of a bundle.
pub const MEMBERS_MAX: u64 = 100_000;
/// The longest name of a member, in bytes.
pub const NAME_BYTES_MAX: usize = 200;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
const END: u32 = 0x0605_4b50;

pub(super) const LOCAL_BYTES: usize = 30;
pub(super) const CENTRAL_BYTES: usize = 46;
pub(super) const END64_BYTES: usize = 56;
pub(super) const LOCATOR64_BYTES: usize = 20;
pub(super) const END_BYTES: usize = 22;
/// The longest extra field: id, length, two sizes and an offset.
pub(super) const EXTRA_BYTES_MAX: usize = 4 + 8 + 8 + 8;

/// The version that reads a plain archive, and the one that reads ZIP64 (§4.4.3.2).
const VERSION: u16 = 20;
const VERSION64: u16 = 45;
/// Names are UTF-8 (§4.4.4, bit 11).
const FLAGS: u16 = 0x0800;
/// 1980-01-01, the first day that there is (§4.4.6).
const DATE: u16 = 0x0021;
const EXTRA64: u16 = 0x0001;

/// What stands in a field whose value is elsewhere.
pub(super) const IN_EXTRA_16: u16 = u16::MAX;
pub(super) const IN_EXTRA_32: u32 = u32::MAX;

/// A field of a header: its name and its length in bytes.
pub(super) type Field = (&'static str, usize);

/// A local file header (§4.3.7).
pub(super) const LOCAL_FIELDS: [Field; 12] = [
    ("signature", 4),
    ("version needed", 2),
    ("flags", 2),
    ("method", 2),
    ("time", 2),
    ("date", 2),
    ("checksum", 4),
    ("compressed size", 4),
    ("size", 4),
    ("name length", 2),
    ("extra field length", 2),
    ("name and extra field", usize::MAX),
];

/// A directory's header (§4.3.12).
pub(super) const CENTRAL_FIELDS: [Field; 18] = [
    ("signature", 4),
    ("version made by", 2),
    ("version needed", 2),
    ("flags", 2),
    ("method", 2),
    ("time", 2),
    ("date", 2),
    ("checksum", 4),
    ("compressed size", 4),
    ("size", 4),
    ("name length", 2),
    ("extra field length", 2),
    ("comment length", 2),
    ("disk", 2),
    ("internal attributes", 2),
    ("external attributes", 4),
    ("offset", 4),
    ("name and extra field", usize::MAX),
];

/// The ZIP64 end record, its locator and the end record (§4.3.14 to §4.3.16).
pub(super) const END64_FIELDS: [Field; 14] = [
    ("ZIP64 signature", 4),
    ("ZIP64 record size", 8),
    ("ZIP64 version made by", 2),
    ("ZIP64 version needed", 2),
    ("ZIP64 disk", 4),
    ("ZIP64 disk of the directory", 4),
    ("ZIP64 count on this disk", 8),
    ("ZIP64 count", 8),
    ("ZIP64 size of the directory", 8),
    ("ZIP64 offset of the directory", 8),
    ("locator's signature", 4),
    ("locator's disk", 4),
    ("locator's offset", 8),
    ("locator's count of disks", 4),
];

/// The end record (§4.3.16).
pub(super) const END_FIELDS: [Field; 8] = [
    ("signature", 4),
    ("disk", 2),
    ("disk of the directory", 2),
    ("count on this disk", 2),
    ("count", 2),
    ("size of the directory", 4),
    ("offset of the directory", 4),
    ("comment length", 2),
];

/// What a member's headers follow from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) size: u64,
    pub(super) crc32: u32,
    /// Where its local header begins.
    pub(super) offset: u64,
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u16(&mut self, numbers: &[u16]) -> &mut Self {
        self.0.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self
    }

    fn u32(&mut self, numbers: &[u32]) -> &mut Self {
        self.0.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self
    }

    fn u64(&mut self, numbers: &[u64]) -> &mut Self {
        self.0.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self
    }
}

/// The number if it fits, or the mark that it is elsewhere.
fn low_32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(IN_EXTRA_32)
}

fn low_16(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(IN_EXTRA_16)
}

fn is_large(number: u64) -> bool {
    number >= u64::from(IN_EXTRA_32)
}

/// The length of something that is short by the limits above.
fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

/// The ZIP64 extra field with these numbers; nothing without any.
fn extra(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Bytes::default();
    if !numbers.is_empty() {
        bytes.u16(&[EXTRA64, length(8 * numbers.len())]).u64(numbers);
    }
    bytes.0
}

impl Entry<'_> {
    fn version(&self) -> u16 {
        if is_large(self.size) || is_large(self.offset) { VERSION64 } else { VERSION }
    }

    /// Length of the local header.
    pub(super) fn local_bytes(&self) -> u64 {
        let extra = if is_large(self.size) { 4 + 8 + 8 } else { 0 };
        (LOCAL_BYTES + self.name.len() + extra) as u64
    }

    /// Where the next member's local header begins; `None` beyond what a number holds.
    pub(super) fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.local_bytes())?.checked_add(self.size)
    }

    /// The local header.
    pub(super) fn local(&self) -> Vec<u8> {
        let extra = if is_large(self.size) { extra(&[self.size, self.size]) } else { Vec::new() };
        let mut bytes = Bytes::default();
        bytes.u32(&[LOCAL]).u16(&[self.version()]);
        self.common(&mut bytes, extra.len());
        bytes.0.extend_from_slice(self.name.as_bytes());
        bytes.0.extend_from_slice(&extra);
        bytes.0
    }

    /// The directory's header.
    pub(super) fn central(&self) -> Vec<u8> {
        let mut numbers = Vec::new();
        if is_large(self.size) {
            numbers.extend([self.size, self.size]);
        }
        if is_large(self.offset) {
            numbers.push(self.offset);
        }
        let extra = extra(&numbers);
        let mut bytes = Bytes::default();
        bytes.u32(&[CENTRAL]).u16(&[self.version(), self.version()]);
        self.common(&mut bytes, extra.len());
        // No comment, one disk, no attributes.
        bytes.u16(&[0, 0, 0]).u32(&[0, low_32(self.offset)]);
        bytes.0.extend_from_slice(self.name.as_bytes());
        bytes.0.extend_from_slice(&extra);
        bytes.0
    }

    /// From the flags to the length of the extra field.
    fn common(&self, bytes: &mut Bytes, extra: usize) {
        let size = low_32(self.size);
        bytes.u16(&[FLAGS, 0, 0, DATE]).u32(&[self.crc32, size, size]).u16(&[length(self.name.len()), length(extra)]);
    }
}

/// What stands behind the members: where the directory is, how long, and of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) count: u64,
}

impl Directory {
    /// Whether the end record has no room for it.
    pub(super) fn is_large(&self) -> bool {
        is_large(self.offset) || is_large(self.bytes) || self.count >= u64::from(IN_EXTRA_16)
    }

    /// The ZIP64 end record and its locator, where the end record has no room.
    pub(super) fn end64(&self) -> Vec<u8> {
        let mut bytes = Bytes::default();
        if self.is_large() {
            let rest = (END64_BYTES - 12) as u64;
            bytes.u32(&[END64]).u64(&[rest]).u16(&[VERSION64, VERSION64]).u32(&[0, 0]);
            bytes.u64(&[self.count, self.count, self.bytes, self.offset]);
            bytes.u32(&[LOCATOR64, 0]).u64(&[self.offset.saturating_add(self.bytes)]).u32(&[1]);
        }
        bytes.0
    }

    /// The end record.
    pub(super) fn end(&self) -> Vec<u8> {
        let count = low_16(self.count);
        let mut bytes = Bytes::default();
        bytes.u32(&[END]).u16(&[0, 0, count, count]).u32(&[low_32(self.bytes), low_32(self.offset)]).u16(&[0]);
        bytes.0
    }
}

/// The field of the first byte in which two headers differ.
pub(super) fn difference(expected: &[u8], found: &[u8], fields: &[Field]) -> Option<&'static str> {
    let same = expected.iter().zip(found).take_while(|(ours, theirs)| ours == theirs).count();
    if same == expected.len() && same == found.len() {
        return None;
    }
    let mut end = 0_usize;
    fields.iter().find_map(|(name, bytes)| {
        end = end.saturating_add(*bytes);
        (same < end).then_some(*name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Entry<'static> = Entry { name: "a", size: 5, crc32: 0x0403_0201, offset: 0 };

    #[test]
    fn tables_and_headers_have_the_same_lengths() {
        let sum = |fields: &[Field]| fields.iter().map(|(_, bytes)| bytes).filter(|bytes| **bytes < 99).sum::<usize>();
        assert_eq!((sum(&LOCAL_FIELDS), ENTRY.local().len()), (LOCAL_BYTES, LOCAL_BYTES + 1));
        assert_eq!((sum(&CENTRAL_FIELDS), ENTRY.central().len()), (CENTRAL_BYTES, CENTRAL_BYTES + 1));
        assert_eq!(sum(&END64_FIELDS), END64_BYTES + LOCATOR64_BYTES);
        assert_eq!(sum(&END_FIELDS), END_BYTES);
        let directory = Directory { offset: 0, bytes: 0, count: 65_535 };
        assert_eq!((directory.end64().len(), directory.end().len()), (END64_BYTES + LOCATOR64_BYTES, END_BYTES));
        assert_eq!(Directory { count: 65_534, ..directory }.end64().len(), 0);
    }

    #[test]
    fn zip64_begins_where_the_numbers_end() {
        let at = |size: u64, offset: u64| {
            let entry = Entry { size, offset, ..ENTRY };
            assert_eq!(entry.local_bytes(), entry.local().len() as u64);
            (entry.local().len() - LOCAL_BYTES - 1, entry.central().len() - CENTRAL_BYTES - 1, entry.local()[4])
        };
        let max = u64::from(u32::MAX);
        assert_eq!(at(max - 1, max - 1), (0, 0, 20));
        assert_eq!(at(max, 0), (20, 20, 45));
        assert_eq!(at(0, max), (0, 12, 45));
        assert_eq!(at(max, max), (20, 28, 45));
        assert_eq!(Entry { size: u64::MAX, ..ENTRY }.end(), None);
    }

    #[test]
    fn differences_are_named() {
        let header = ENTRY.local();
        let named = |at: usize| {
            let mut other = header.clone();
            other[at] ^= 1;
            difference(&header, &other, &LOCAL_FIELDS)
        };
        assert_eq!(difference(&header, &header, &LOCAL_FIELDS), None);
        assert_eq!((named(0), named(8), named(29)), (Some("signature"), Some("method"), Some("extra field length")));
        assert_eq!(named(30), Some("name and extra field"));
        assert_eq!(difference(&header, &header[..30], &LOCAL_FIELDS), Some("name and extra field"));
    }
}
