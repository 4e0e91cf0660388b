//! Small facts of the closed list, answered with one word.

use super::Turn;
use super::writer::{Exchange, Jitter, Writer, fill};

/// A conversation of one to four facts.
pub(super) fn example(writer: &mut Writer) -> Vec<Turn> {
    let exchanges = (0..writer.rounds(4)).map(|_| exchange(writer)).collect();
    writer.conversation(exchanges)
}

/// One fact asked, with its answer.
pub(super) fn exchange(writer: &mut Writer) -> Exchange {
    let (lists, wordings) = (writer.lists.clone(), writer.wordings.clone());
    let at = writer.below(lists.relations.len());
    let Some(relation) = lists.relations.get(at) else { return Exchange::default() };
    let (subject, answer) = writer.pick(&relation.facts);
    let phrase = fill(&relation.phrase, &[("subject", &subject)]);
    let own = wordings.fact.relations.get(&relation.name).filter(|_| writer.chance(0.5));
    let jitter = if own.is_some() { Jitter::Insert } else { Jitter::Free };
    let core = writer.pick(own.unwrap_or(&wordings.fact.cores));
    let core = writer.phrase(&core, jitter, &[("phrase", &phrase), ("subject", &subject)]);
    (writer.framed(&core, &wordings.frame.answer_suffixes), answer)
}
