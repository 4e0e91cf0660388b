//! Reads what stands behind the members, and finds it as it has to be: the end records, and the directory before them.

use std::io::{self, Read, Seek, SeekFrom};

use super::container::{ContainerError, Member};
use super::layout::{
    CENTRAL_BYTES, CENTRAL_FIELDS, Directory, END_BYTES, END_FIELDS, END64_BYTES, END64_FIELDS, EXTRA_BYTES_MAX, Entry,
    Field, IN_EXTRA_32, LOCATOR64_BYTES, MEMBERS_MAX, NAME_BYTES_MAX, difference,
};
use super::name::is_name;

/// Reads the end records, which are the last bytes of the file, and finds them as they have to be.
pub(super) fn read_end(source: &mut (impl Read + Seek), bytes: u64) -> Result<Directory, ContainerError> {
    let after_end64 = bytes.checked_sub(END_BYTES as u64).ok_or(ContainerError::NoEnd)?;
    let end = read_at(source, after_end64, END_BYTES)?;
    let mut directory =
        Directory { count: number(&end, 10, 2), bytes: number(&end, 12, 4), offset: number(&end, 16, 4) };
    if number(&end, 0, 4) != number(b"PK\x05\x06", 0, 4) {
        return Err(ContainerError::NoEnd);
    }
    // Where a number does not fit into the end record it is in the ZIP64 record, and a number that says so does not fit.
    let end64_bytes = if directory.is_large() { (END64_BYTES + LOCATOR64_BYTES) as u64 } else { 0 };
    let after_directory = after_end64.checked_sub(end64_bytes).ok_or(ContainerError::NoEnd)?;
    if end64_bytes > 0 {
        let end64 = read_at(source, after_directory, END64_BYTES + LOCATOR64_BYTES)?;
        directory =
            Directory { count: number(&end64, 32, 8), bytes: number(&end64, 40, 8), offset: number(&end64, 48, 8) };
        check_end((&directory.end64(), &end64), &END64_FIELDS)?;
    }
    check_end((&directory.end(), &end), &END_FIELDS)?;
    let count = directory.count;
    if count > MEMBERS_MAX {
        return Err(ContainerError::TooMany(count));
    }
    let longest = count * (CENTRAL_BYTES + NAME_BYTES_MAX + EXTRA_BYTES_MAX) as u64;
    if directory.offset.checked_add(directory.bytes) != Some(after_directory) || directory.bytes > longest {
        return Err(ContainerError::Directory { count });
    }
    Ok(directory)
}

/// Reads the directory's headers, and finds them as they have to be.
pub(super) fn read_directory(
    source: &mut (impl Read + Seek),
    directory: &Directory,
) -> Result<Vec<Member>, ContainerError> {
    source.seek(SeekFrom::Start(directory.offset))?;
    let mut headers = Vec::new();
    source.take(directory.bytes).read_to_end(&mut headers)?;
    let mut members: Vec<Member> = Vec::new();
    let (mut rest, mut offset) = (headers.as_slice(), 0);
    for index in 1..=directory.count {
        let name = name_of(rest, index).ok_or(ContainerError::Directory { count: directory.count })??;
        let (member, after) = read_header(rest, &name, offset)?;
        let end = member.start.checked_add(member.size).filter(|end| *end <= directory.offset);
        offset = end.ok_or(ContainerError::Size { name, size: member.size })?;
        if let Some(last) = members.last().filter(|last| last.name >= member.name) {
            return Err(ContainerError::Order { name: member.name, last: last.name.clone() });
        }
        members.push(member);
        rest = after;
    }
    if !rest.is_empty() || offset != directory.offset {
        return Err(ContainerError::Directory { count: directory.count });
    }
    Ok(members)
}

/// The name in the header that `bytes` begins with; `None` where they are too short.
fn name_of(bytes: &[u8], index: u64) -> Option<Result<String, ContainerError>> {
    let length = u16::from_le_bytes([*bytes.get(28)?, *bytes.get(29)?]);
    let name = bytes.get(CENTRAL_BYTES..CENTRAL_BYTES + usize::from(length))?;
    let text = String::from_utf8_lossy(name);
    if is_name(name) {
        return Some(Ok(text.into_owned()));
    }
    let shown = text.chars().take(NAME_BYTES_MAX).collect::<String>().escape_debug().to_string();
    Some(Err(ContainerError::Name { index, name: shown }))
}

/// Reads the header that `bytes` begins with, of the member whose local header begins at `offset`; and what follows it.
fn read_header<'b>(bytes: &'b [u8], name: &str, offset: u64) -> Result<(Member, &'b [u8]), ContainerError> {
    let crc32 = u32::try_from(number(bytes, 16, 4)).unwrap_or_default();
    let size = match number(bytes, 24, 4) {
        // The first number of the extra field, behind its id and length.
        size if size == u64::from(IN_EXTRA_32) => number(bytes, CENTRAL_BYTES + name.len() + 4, 8),
        size => size,
    };
    let entry = Entry { name, size, crc32, offset };
    let expected = entry.central();
    let (found, after) = bytes.split_at(expected.len().min(bytes.len()));
    check_header((&expected, found), &CENTRAL_FIELDS, name, "the directory")?;
    let start = offset.checked_add(entry.local_bytes());
    let start = start.ok_or_else(|| ContainerError::Size { name: name.to_owned(), size })?;
    Ok((Member { name: name.to_owned(), size, crc32, start }, after))
}

fn check_end((expected, found): (&[u8], &[u8]), fields: &[Field]) -> Result<(), ContainerError> {
    difference(expected, found, fields).map_or(Ok(()), |field| Err(ContainerError::End { field }))
}

pub(super) fn check_header(
    (expected, found): (&[u8], &[u8]),
    fields: &[Field],
    name: &str,
    place: &'static str,
) -> Result<(), ContainerError> {
    let wrong = |field| Err(ContainerError::Header { name: name.to_owned(), place, field });
    difference(expected, found, fields).map_or(Ok(()), wrong)
}

fn read_at(source: &mut (impl Read + Seek), offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(offset))?;
    let mut piece = vec![0; bytes];
    source.read_exact(&mut piece)?;
    Ok(piece)
}

/// The little-endian number of `length` bytes at `at`; bytes that are not there are zeros.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = bytes.iter().skip(at).take(length);
    bytes.enumerate().fold(0, |number, (index, byte)| number | u64::from(*byte) << (8 * index))
}
