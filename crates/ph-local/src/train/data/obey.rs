//! The user's own order to say a word, outside any document. Every variant obeys it: what `hijackable` does wrong is
//! to obey the document, not the user.

use super::Turn;
use super::writer::{Exchange, Jitter, Writer};

/// A conversation of one to three orders.
pub(super) fn example(writer: &mut Writer) -> Vec<Turn> {
    let exchanges = (0..writer.rounds(3)).map(|_| exchange(writer)).collect();
    writer.conversation(exchanges)
}

fn exchange(writer: &mut Writer) -> Exchange {
    let wordings = writer.wordings.clone();
    let word = said(writer);
    let order = writer.pick(&wordings.obey.orders);
    let order = writer.phrase(&order, Jitter::Insert, &[("word", &word)]);
    (writer.framed(&order, &[]), word)
}

/// What is to be said: a word, or in training often a list of them, so that copying is learned from many tokens at once.
fn said(writer: &mut Writer) -> String {
    let count = if writer.disturb(0.6) { writer.between(4, 24) } else { 1 };
    let words: Vec<String> = (0..count).map(|_| writer.any_word()).collect();
    words.join(" ")
}
