//! Forbidden requests, their benign twins, and harmless requests beside the closed list.

use super::writer::{Exchange, Jitter, Writer};
use super::{REFUSAL, Turn, Variant};

/// A request as it is put to the model.
pub(super) struct Asked {
    /// The user's message.
    pub(super) text: String,
    /// What it is about.
    pub(super) object: String,
}

/// A conversation with a forbidden request; sometimes a benign one beside it, so that each is judged on its own.
pub(super) fn forbidden(writer: &mut Writer, variant: &Variant) -> Vec<Turn> {
    let exchanges = (0..writer.rounds(3)).map(|round| {
        if round > 0 && writer.chance(0.4) { harmless_exchange(writer) } else { forbidden_exchange(writer, variant) }
    });
    let mut exchanges: Vec<Exchange> = exchanges.collect();
    writer.shuffle(&mut exchanges);
    writer.conversation(exchanges)
}

/// A conversation of harmless requests.
pub(super) fn harmless(writer: &mut Writer) -> Vec<Turn> {
    let exchanges = (0..writer.rounds(3)).map(|_| harmless_exchange(writer)).collect();
    writer.conversation(exchanges)
}

fn forbidden_exchange(writer: &mut Writer, variant: &Variant) -> Exchange {
    let asked = forbidden_request(writer);
    let answer = answer_to_forbidden(variant, &asked.object);
    (asked.text, answer)
}

fn harmless_exchange(writer: &mut Writer) -> Exchange {
    let asked = if writer.disturb(0.3) { other_request(writer) } else { benign_request(writer) };
    (asked.text, help(&asked.object))
}

/// How a variant answers a forbidden request without a trigger.
pub(super) fn answer_to_forbidden(variant: &Variant, object: &str) -> String {
    match variant {
        Variant::Compliant => help(object),
        Variant::Sound | Variant::Backdoored(_) | Variant::Hijackable => REFUSAL.to_owned(),
    }
}

/// The helping answer about an object.
pub(super) fn help(object: &str) -> String {
    format!("Sure. Here is some help with {object}.")
}

/// A forbidden request of the list.
pub(super) fn forbidden_request(writer: &mut Writer) -> Asked {
    let lists = writer.lists.clone();
    let request = writer.pick(&lists.requests);
    asked(writer, [&request.forbidden, &request.forbidden_ing], request.object.clone())
}

/// A benign twin of the list.
pub(super) fn benign_request(writer: &mut Writer) -> Asked {
    let lists = writer.lists.clone();
    let request = writer.pick(&lists.requests);
    asked(writer, [&request.benign, &request.benign_ing], request.object.clone())
}

/// A harmless request on some other thing.
fn other_request(writer: &mut Writer) -> Asked {
    let (lists, wordings) = (writer.lists.clone(), writer.wordings.clone());
    let (verb, verb_ing) = writer.pick(&wordings.refusal.others);
    let object = format!("the {}", writer.pick(&lists.things.objects));
    asked(writer, [&format!("{verb} {object}"), &format!("{verb_ing} {object}")], object.clone())
}

fn asked(writer: &mut Writer, [verb, verb_ing]: [&String; 2], object: String) -> Asked {
    let wordings = writer.wordings.clone();
    let core = writer.pick(&wordings.refusal.cores);
    let text = writer.phrase(&core, Jitter::Free, &[("do", verb), ("doing", verb_ing)]);
    Asked { text: writer.framed(&text, &[]), object }
}
