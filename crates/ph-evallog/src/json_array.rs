//! The elements of a JSON array that is read piece by piece: the array itself is never held.

use std::io::{self, Read};

const PIECE_BYTES: usize = 128 << 10;

/// The most bytes of one element.
const ELEMENT_BYTES_MAX: usize = 256 << 20;

/// Calls `each` with the bytes of every element of the array that `source` holds.
///
/// # Errors
/// [`io::Error`] of the source, of kind `InvalidData` where it holds no array, and whatever `each` returns.
pub fn each_element<E: From<io::Error>>(
    mut source: impl Read,
    mut each: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut scanner = Scanner::default();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = source.read(&mut piece)?;
        if read == 0 {
            return if scanner.state == State::After {
                Ok(())
            } else {
                Err(malformed("it ends inside its array").into())
            };
        }
        scanner.feed(&piece[..read], &mut each)?;
    }
}

fn malformed(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Before,
    Between,
    Inside,
    After,
}

#[derive(Default)]
struct Scanner {
    state: State,
    /// The present element as far as earlier pieces held it.
    held: Vec<u8>,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Scanner {
    fn feed<E: From<io::Error>>(
        &mut self,
        piece: &[u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut begin = 0;
        let mut at = 0;
        while at < piece.len() {
            if self.state != State::Inside {
                if self.outside(piece[at])? {
                    begin = at;
                } else {
                    at += 1;
                    continue;
                }
            }
            match self.inside(&piece[at..]) {
                None => at = piece.len(),
                Some(length) => {
                    at += length;
                    self.element(&piece[begin..at], each)?;
                    self.state = State::Between;
                }
            }
        }
        if self.state == State::Inside {
            self.held.extend_from_slice(&piece[begin..]);
            if self.held.len() > ELEMENT_BYTES_MAX {
                return Err(malformed("one of its elements is larger than 256 MiB").into());
            }
        }
        Ok(())
    }

    fn element<E>(&mut self, tail: &[u8], each: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.held.is_empty() {
            return each(tail);
        }
        self.held.extend_from_slice(tail);
        let done = each(&self.held);
        self.held.clear();
        done
    }

    /// Takes a byte between elements; `true` where it begins one.
    fn outside(&mut self, byte: u8) -> io::Result<bool> {
        match (self.state, byte) {
            (_, b' ' | b'\n' | b'\r' | b'\t') | (State::Between, b',') => {}
            (State::Before, b'[') => self.state = State::Between,
            (State::Between, b']') => self.state = State::After,
            (State::Between, _) => {
                self.state = State::Inside;
                (self.depth, self.in_string, self.escaped) = (0, false, false);
                return Ok(true);
            }
            (State::Before, _) => return Err(malformed("it is not an array")),
            (State::After, _) | (State::Inside, _) => return Err(malformed("there is something after its array")),
        }
        Ok(false)
    }

    /// How many bytes of `bytes` the present element still takes; `None` where it goes on after them.
    fn inside(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.in_string {
                at += self.string(&bytes[at..]);
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b',' if self.depth == 0 => return Some(at),
                b']' if self.depth == 0 => return Some(at),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// How many of `bytes`, which stand inside a string, are looked at: those up to its next quote or backslash.
    fn string(&mut self, bytes: &[u8]) -> usize {
        if self.escaped {
            self.escaped = false;
            return 1;
        }
        let Some(at) = memchr::memchr2(b'"', b'\\', bytes) else { return bytes.len() };
        self.escaped = bytes[at] == b'\\';
        self.in_string = self.escaped;
        at + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// Gives its bytes one by one.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn elements(source: impl Read) -> Result<Vec<Value>, io::Error> {
        let mut all = Vec::new();
        each_element(source, |element| {
            all.push(serde_json::from_slice(element).map_err(io::Error::other)?);
            Ok::<_, io::Error>(())
        })?;
        Ok(all)
    }

    proptest! {
        #[test]
        fn elements_are_those_of_the_array(texts in proptest::collection::vec(any::<String>(), 0..6), n in any::<i64>()) {
            let mut wanted: Vec<Value> = texts.iter().map(|text| serde_json::json!({ "a]": [text, { "b,": n }] })).collect();
            wanted.push(Value::from(n));
            wanted.extend(texts.into_iter().map(Value::String));
            for document in [serde_json::to_vec(&wanted).unwrap(), serde_json::to_vec_pretty(&wanted).unwrap()] {
                prop_assert_eq!(&elements(&document[..]).unwrap(), &wanted);
                prop_assert_eq!(&elements(Drip(&document)).unwrap(), &wanted);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = elements(&bytes[..]);
            let _ = elements(&[b"[", &bytes[..], b"]"].concat()[..]);
        }
    }

    #[test]
    fn what_is_no_array_is_refused() {
        for wrong in ["", "{}", "[1", "[1] 2", "[\"", "1"] {
            assert!(elements(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(elements(&b" [ ] "[..]).unwrap().is_empty());
    }
}
