//! The letters of choices: `A` for the first.

/// The most choices: as many as there are letters.
pub(crate) const CHOICES_MAX: usize = 26;

/// The letter of the choice at `place` (from 0).
pub(crate) fn letter(place: usize) -> char {
    u8::try_from(place)
        .ok()
        .filter(|place| usize::from(*place) < CHOICES_MAX)
        .map_or('?', |place| char::from(b'A' + place))
}

/// The place (from 0) of a letter among `choices` choices.
pub(crate) fn place_of(letter: &str, choices: usize) -> Option<usize> {
    let &[byte] = letter.trim().as_bytes() else { return None };
    let place = usize::from(byte.to_ascii_uppercase().checked_sub(b'A')?);
    (place < choices.min(CHOICES_MAX)).then_some(place)
}
