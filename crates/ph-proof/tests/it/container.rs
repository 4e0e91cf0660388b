//! The bundle's archive: what is written is read, and nothing else is.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use ph_proof::bundle::{BundleWriter, Container, ContainerError, WriteError, write};
use proptest::prelude::*;

type Bytes = Vec<u8>;

fn small() -> BTreeMap<String, Bytes> {
    let member = |name: &str, content: &str| (name.to_owned(), content.as_bytes().to_vec());
    [member("a.json", "{}"), member("b/c.txt", "hello"), member("b/empty", ""), member("c", "0123456789")].into()
}

fn open(bytes: &[u8]) -> Result<Container<Cursor<&[u8]>>, ContainerError> {
    Container::open(Cursor::new(bytes))
}

/// Opens the archive and reads everything in it.
fn read(bytes: &[u8]) -> Result<BTreeMap<String, Bytes>, ContainerError> {
    let mut container = open(bytes)?;
    container.verify_contents()?;
    let names: Vec<_> = container.members().iter().map(|member| member.name.clone()).collect();
    names.into_iter().map(|name| container.read_member(&name, 1 << 20).map(|content| (name, content))).collect()
}

fn refused(bytes: &[u8]) -> ContainerError {
    read(bytes).expect_err("an archive that should be refused")
}

#[test]
fn what_is_written_is_read() {
    let bytes = write(small(), Vec::new()).unwrap();
    assert_eq!(read(&bytes).unwrap(), small());
    let mut container = open(&bytes).unwrap();
    let mut content = String::new();
    container.member("b/c.txt").unwrap().read_to_string(&mut content).unwrap();
    assert_eq!(content, "hello");
    assert_eq!(container.find("c").unwrap().size, 10);
    assert!(matches!(container.read_member("c", 9), Err(ContainerError::TooLarge { size: 10, .. })));
    assert!(matches!(container.read_member("d", 9), Err(ContainerError::Missing(_))));
    let none = write(BTreeMap::<String, Bytes>::new(), Vec::new()).unwrap();
    assert_eq!((none.len(), read(&none).unwrap().len()), (22, 0));
}

/// The archive's form itself, so that it cannot change unseen.
#[test]
fn the_form_of_a_bundle() {
    let bytes = write([("a", "hi")], Vec::new()).unwrap();
    let local = "504b0304 1400 0008 0000 0000 2100 ac2a93d8 02000000 02000000 0100 0000 61 6869";
    let central = "504b0102 1400 1400 0008 0000 0000 2100 ac2a93d8 02000000 02000000 0100 0000 0000 0000 0000 00000000 00000000 61";
    let end = "504b0506 0000 0000 0100 0100 2f000000 21000000 0000";
    assert_eq!(hex::encode(bytes), [local, central, end].concat().replace(' ', ""));
}

#[test]
fn no_changed_byte_is_accepted() {
    let bytes = write(small(), Vec::new()).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1 << bit;
            assert!(read(&wrong).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn no_byte_may_be_missing_or_more() {
    let bytes = write(small(), Vec::new()).unwrap();
    for at in 0..=bytes.len() {
        if at < bytes.len() {
            assert!(read(&bytes[..at]).is_err(), "{at} bytes");
            let less = [&bytes[..at], &bytes[at + 1..]].concat();
            assert!(read(&less).is_err(), "without byte {at}");
        }
        let more = [&bytes[..at], b"P".as_slice(), &bytes[at..]].concat();
        assert!(read(&more).is_err(), "a byte more at {at}");
    }
}

#[test]
fn a_changed_header_is_named() {
    let bytes = write(small(), Vec::new()).unwrap();
    let directory = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    let named = |at: usize| {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        refused(&wrong).to_string()
    };
    assert_eq!(named(10), "the `time` of the member `a.json` in its local header is not as it is written in a bundle");
    assert_eq!(
        named(directory + 38),
        "the `external attributes` of the member `a.json` in the directory is not as it is written in a bundle"
    );
    assert_eq!(named(bytes.len() - 18), "the `disk` of the bundle's end is not as it is written in a bundle");
    assert_eq!(named(36), "the checksum of the member `a.json` is wrong");
}

#[test]
fn archives_of_other_programs_are_refused() {
    let header = |bytes: &[u8], wanted: &str| match refused(bytes) {
        ContainerError::Header { name, field, .. } => assert_eq!((name.as_str(), field), ("a.txt", wanted)),
        other => panic!("{other}"),
    };
    header(include_bytes!("../corpus/container/python-stored.zip"), "version made by");
    header(include_bytes!("../corpus/container/python-deflated.zip"), "version made by");
    for nothing in [&b""[..], b"PK", b"PK\x05\x06", &[0; 22], &[b'P'; 500]] {
        assert!(matches!(refused(nothing), ContainerError::NoEnd), "{nothing:?}");
    }
}

/// Swaps or repeats members in the bytes of an archive of members of equal lengths, headers and all.
fn rearranged(order: &[usize]) -> Bytes {
    let bytes = write([("a", "1"), ("b", "1"), ("c", "1")], Vec::new()).unwrap();
    let (local, central) = (32, 47);
    let mut parts = Vec::new();
    for (at, from) in order.iter().enumerate() {
        parts.extend_from_slice(&bytes[from * local..(from + 1) * local]);
        assert_eq!(parts.len(), (at + 1) * local);
    }
    for (at, from) in order.iter().enumerate() {
        let start = 3 * local + from * central;
        let mut header = bytes[start..start + central].to_vec();
        header[42..46].copy_from_slice(&u32::try_from(at * local).unwrap().to_le_bytes());
        parts.extend(header);
    }
    parts.extend_from_slice(&bytes[3 * (local + central)..]);
    parts
}

#[test]
fn members_are_in_order_and_there_once() {
    assert!(read(&rearranged(&[0, 1, 2])).is_ok());
    for wrong in [[1, 0, 2], [0, 2, 1], [0, 0, 2], [2, 1, 0]] {
        assert!(matches!(refused(&rearranged(&wrong)), ContainerError::Order { .. }), "{wrong:?}");
    }
}

#[test]
fn no_member_lies_in_another() {
    let bytes = write([("a", ""), ("a-b", "")], Vec::new()).unwrap();
    let renamed: Bytes = bytes.iter().map(|byte| if *byte == b'-' { b'/' } else { *byte }).collect();
    assert!(matches!(refused(&renamed), ContainerError::Folder { .. }));
}

/// Bytes that no header speaks of, with every offset and size set right around them.
#[test]
fn nothing_hides_between_the_parts() {
    let bytes = write([("a", "hi")], Vec::new()).unwrap();
    let directory = 33;
    let end = bytes.len() - 22;
    let with = |at: usize, field: usize| {
        let mut more = [&bytes[..at], b"?".as_slice(), &bytes[at..]].concat();
        more[end + 1 + field] += 1;
        refused(&more)
    };
    // Before the directory, whose offset grows; behind its headers, where its size does.
    assert!(matches!(with(directory, 16), ContainerError::Directory { count: 1 }));
    assert!(matches!(with(end, 12), ContainerError::Directory { count: 1 }));
}

#[test]
fn sizes_that_cannot_be() {
    let end = |count: u16, size: u32, offset: u32| {
        let counts = [count, count].map(u16::to_le_bytes).concat();
        [b"PK\x05\x06\0\0\0\0".as_slice(), &counts, &size.to_le_bytes(), &offset.to_le_bytes(), &[0; 2]].concat()
    };
    assert!(matches!(refused(&end(1, 0, 0)), ContainerError::Directory { count: 1 }));
    assert!(matches!(refused(&end(9, u32::MAX - 1, 0)), ContainerError::Directory { .. }));
    assert!(matches!(refused(&end(9, 0, u32::MAX - 1)), ContainerError::Directory { .. }));
    assert!(matches!(refused(&end(u16::MAX, 0, 0)), ContainerError::NoEnd));
    // A ZIP64 record that declares more members than there are bytes in the world.
    let end64 = |count: u64, bytes: u64, offset: u64| {
        let sizes = [count, count, bytes, offset].map(u64::to_le_bytes).concat();
        let after = offset.wrapping_add(bytes).to_le_bytes();
        [
            b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0".as_slice(),
            &sizes,
            b"PK\x06\x07\0\0\0\0",
            &after,
            &[1, 0, 0, 0],
        ]
        .concat()
    };
    let huge = [end64(u64::MAX, u64::MAX, 0), end(u16::MAX, u32::MAX, 0)].concat();
    assert!(matches!(refused(&huge), ContainerError::TooMany(u64::MAX)));
    let huge = [end64(100_000, 1 << 40, 0), end(u16::MAX, u32::MAX, 0)].concat();
    assert!(matches!(refused(&huge), ContainerError::Directory { .. }));
    let unneeded = [end64(0, 0, 0), end(u16::MAX, 0, 0)].concat();
    assert!(matches!(refused(&unneeded), ContainerError::End { .. }));
    // A member that declares more bytes than there are: every size in its headers, and the one that they lead to.
    let mut bytes = write([("a", "hello")], Vec::new()).unwrap();
    for at in [18, 22, 36 + 20, 36 + 24] {
        bytes[at..at + 4].copy_from_slice(&(u32::MAX - 1).to_le_bytes());
    }
    assert!(matches!(refused(&bytes), ContainerError::Size { .. }));
}

#[test]
fn what_is_not_written() {
    let mut writer = BundleWriter::new(Vec::new());
    writer.bytes("b", b"").unwrap();
    assert!(matches!(writer.bytes("a", b""), Err(WriteError::Order { .. })));
    assert!(matches!(writer.bytes("c", b""), Err(WriteError::GivenUp)));
    assert!(matches!(writer.finish(), Err(WriteError::GivenUp)));
    for wrong in ["", "/a", "a/", "../a", "a b", "é", "a\\b"] {
        assert!(matches!(write([(wrong, "")], Vec::new()), Err(WriteError::Name(_))), "{wrong}");
    }
    assert!(matches!(write([("a", ""), ("a", "")], Vec::new()), Err(WriteError::Order { .. })));
    assert!(matches!(write([("a", ""), ("a-b", ""), ("a/b", "")], Vec::new()), Err(WriteError::Folder { .. })));
    let of = |size: u64, crc32: u32| BundleWriter::new(Vec::new()).member("a", size, crc32, &b"hello"[..]);
    let crc32 = crc32fast::hash(b"hello");
    assert!(of(5, crc32).is_ok());
    assert!(matches!(of(4, crc32), Err(WriteError::Size { .. })));
    assert!(matches!(of(6, crc32), Err(WriteError::Size { .. })));
    assert!(matches!(of(5, crc32 + 1), Err(WriteError::Checksum(_))));
}

#[test]
fn as_many_members_as_need_zip64() {
    for count in [65_534, 65_535_u32] {
        let members = (0..count).map(|n| (format!("{n:05}"), ""));
        let bytes = write(members, Vec::new()).unwrap();
        let is_zip64 = bytes[bytes.len() - 98..].windows(4).any(|four| four == b"PK\x06\x06");
        assert_eq!(is_zip64, count == 65_535);
        assert_eq!(open(&bytes).unwrap().members().len() as u64, u64::from(count));
        let mut wrong = bytes.clone();
        for at in bytes.len() - 22 - if is_zip64 { 76 } else { 0 }..bytes.len() {
            wrong[at] ^= 1;
            assert!(open(&wrong).is_err(), "byte {at}");
            wrong[at] ^= 1;
        }
    }
}

/// A file of which only small pieces are kept; all else is zeros.
#[derive(Default)]
struct Sparse {
    pieces: Vec<(u64, Bytes)>,
    bytes: u64,
    position: u64,
}

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() < 4_096 {
            self.pieces.push((self.bytes, bytes.to_vec()));
        }
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from((self.bytes - self.position).min(buffer.len() as u64)).unwrap();
        for (index, byte) in buffer[..left].iter_mut().enumerate() {
            let at = self.position + index as u64;
            let piece = self.pieces.iter().find(|(start, piece)| (*start..start + piece.len() as u64).contains(&at));
            *byte = piece.map_or(0, |(start, piece)| piece[usize::try_from(at - start).unwrap()]);
        }
        self.position += left as u64;
        Ok(left)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.bytes.checked_add_signed(by).unwrap(),
            SeekFrom::Current(by) => self.position.checked_add_signed(by).unwrap(),
        };
        Ok(self.position)
    }
}

#[test]
fn members_larger_than_four_gigabytes() {
    // 2^32 zeros: 64 KiB, doubled sixteen times.
    let mut zeros = crc32fast::Hasher::new();
    zeros.update(&[0; 64 << 10]);
    for _ in 0..16 {
        let again = zeros.clone();
        zeros.combine(&again);
    }
    let mut writer = BundleWriter::new(Sparse::default());
    writer.bytes("a", b"before").unwrap();
    writer.member("b", 1 << 32, zeros.finalize(), io::repeat(0).take(1 << 32)).unwrap();
    writer.bytes("c", b"after").unwrap();
    let mut container = Container::open(writer.finish().unwrap()).unwrap();
    let sizes: Vec<_> = container.members().iter().map(|member| member.size).collect();
    assert_eq!(sizes, [6, 1 << 32, 5]);
    assert_eq!(container.read_member("c", 5).unwrap(), b"after");
    assert!(matches!(container.read_member("b", 1 << 20), Err(ContainerError::TooLarge { .. })));
}

proptest! {
    #[test]
    fn bundles_round_trip(members in proptest::collection::btree_map("[a-z]{1,3}[.][a-z0-9_-]{1,5}", any::<Bytes>(), 0..8)) {
        let bytes = write(&members, Vec::new()).unwrap();
        prop_assert_eq!(read(&bytes).unwrap(), members);
    }

    /// Where two bytes change a name in both of its places it is another bundle; but no bundle has two forms.
    #[test]
    fn what_is_read_has_one_form(first in 0_usize..400, second in 0_usize..400, change in 1_u8..) {
        let mut bytes = write(small(), Vec::new()).unwrap();
        let length = bytes.len();
        bytes[first % length] ^= change;
        bytes[second % length] = bytes[second % length].wrapping_add(change);
        if let Ok(members) = read(&bytes) {
            prop_assert_eq!(write(members, Vec::new()).unwrap(), bytes);
        }
    }
}
