//! Short documents of three to six sentences and questions answered by one word of them. No name, object, place or
//! colour stands twice in a document, so each question has one answer.

use super::writer::{Exchange, Jitter, Writer, fill};
use super::{Turn, composed, fact, sum};

/// A sentence with the questions it answers.
#[derive(Clone, Default)]
struct Sentence {
    text: String,
    exchanges: Vec<Exchange>,
}

/// A document with its sentences as written and questions on them.
pub(super) struct Document {
    pub(super) sentences: Vec<String>,
    pub(super) exchanges: Vec<Exchange>,
}

/// Slots that hold a verb: they join what belongs together and are never asked for.
const VERBS: [&str; 2] = ["put", "got"];

/// Words of a document not yet used, by slot.
struct Pool {
    names: Vec<String>,
    objects: Vec<String>,
    places: Vec<String>,
    colours: Vec<String>,
}

/// One document and one to five questions on it; sometimes it only distracts from a sum or a fact.
pub(super) fn example(writer: &mut Writer) -> Vec<Turn> {
    let rounds = writer.rounds(5);
    let mut document = Document::new(writer);
    if writer.disturb(0.1) {
        let distracted = if writer.chance(0.5) { sum::exchange(writer) } else { fact::exchange(writer) };
        document.exchanges = vec![distracted];
    }
    document.exchanges.truncate(rounds);
    let mut exchanges = document.exchanges.clone();
    if let Some(first) = exchanges.first_mut() {
        first.0 = document.around(writer, &first.0);
    }
    for (question, _) in exchanges.iter_mut().skip(1) {
        *question = dressed(writer, question);
    }
    writer.conversation(exchanges)
}

impl Document {
    /// A new document with its questions in random order.
    pub(super) fn new(writer: &mut Writer) -> Self {
        let wordings = writer.wordings.clone();
        let mut pool = Pool::new(writer);
        let count = writer.between(2, 5);
        let mut sentences: Vec<Sentence> = (0..count).map(|_| sentence(writer, &mut pool)).collect();
        let mut exchanges: Vec<Exchange> = sentences.iter().flat_map(|sentence| sentence.exchanges.clone()).collect();
        writer.shuffle(&mut exchanges);
        for _ in 0..writer.between(usize::from(count == 2), 2.min(6 - count)) {
            let at = writer.below(sentences.len() + 1);
            let text = if writer.disturb(0.4) { writer.salad() } else { writer.pick(&wordings.document.fillers) };
            sentences.insert(at, Sentence { text, exchanges: Vec::new() });
        }
        Self { sentences: sentences.into_iter().map(|sentence| sentence.text).collect(), exchanges }
    }

    /// The document and a question in one message.
    pub(super) fn around(&self, writer: &mut Writer, question: &str) -> String {
        let wordings = writer.wordings.clone();
        let layout = writer.pick(&wordings.document.layouts);
        let joint = if writer.chance(0.2) { "\n" } else { " " };
        let question = dressed(writer, question);
        fill(&layout, &[("question", &question), ("document", &self.sentences.join(joint))])
    }
}

/// A question with an opener or closer now and then.
fn dressed(writer: &mut Writer, question: &str) -> String {
    let wordings = writer.wordings.clone();
    if writer.chance(0.4) { writer.framed(question, &wordings.frame.answer_suffixes) } else { question.to_owned() }
}

impl Pool {
    fn new(writer: &mut Writer) -> Self {
        let lists = writer.lists.clone();
        let things = &lists.things;
        let mut pool = Self {
            names: writer.sample(&things.names, 12),
            objects: writer.sample(&things.objects, 6),
            places: writer.sample(&things.places, 6),
            colours: writer.sample(&things.colours, 6),
        };
        for (list, capital) in [(&mut pool.names, true), (&mut pool.objects, false), (&mut pool.places, false)] {
            for word in list.iter_mut() {
                if writer.disturb(0.1) {
                    *word = invented_word(writer, capital);
                }
            }
        }
        pool
    }
}

/// Invented words among the listed ones keep the learner copying instead of choosing from a list.
fn invented_word(writer: &mut Writer, capital: bool) -> String {
    let word = format!("{}{}", writer.invented(), writer.letters(1));
    if capital { super::writer::capitalised(&word) } else { word }
}

fn sentence(writer: &mut Writer, pool: &mut Pool) -> Sentence {
    let wordings = writer.wordings.clone();
    let words = &wordings.document;
    let kinds: Vec<_> =
        words.kinds.iter().flat_map(|(name, kind)| vec![kind; if name == "put" { 3 } else { 1 }]).collect();
    let at = writer.below(kinds.len());
    let Some(kind) = kinds.get(at) else { return Sentence::default() };
    let mut text = writer.pick(&kind.texts);
    if writer.disturb(0.3) {
        let slots: Vec<String> = slots_of(&text).filter(|slot| !VERBS.contains(slot)).map(str::to_owned).collect();
        text = composed::sentence(writer, &slots.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let slots = slots(writer, pool);
    let slots: Vec<(&str, &str)> = slots.iter().map(|(slot, value)| (*slot, value.as_str())).collect();
    let has = |slot: &str| text.contains(&format!("{{{slot}}}"));
    let mut exchanges = Vec::new();
    for (answer, questions) in kind.questions.iter().filter(|(answer, _)| has(answer)) {
        let mut fitting: Vec<String> =
            questions.iter().filter(|question| slots_of(question).all(has)).cloned().collect();
        if writer.disturb(0.35) {
            let named: Vec<&str> = slots_of(&text).filter(|slot| !VERBS.contains(slot) && *slot != "other").collect();
            fitting.extend(composed::question(writer, answer, &named));
            fitting.drain(..fitting.len().saturating_sub(1));
        }
        let value = slots.iter().find(|(slot, _)| slot == answer).map_or("", |(_, value)| value);
        if !fitting.is_empty() {
            let question = writer.pick(&fitting);
            exchanges.push((writer.phrase(&question, Jitter::Insert, &slots), value.to_owned()));
        }
    }
    let text = writer.phrase(&text, Jitter::Insert, &slots);
    Sentence { text: articled(&text), exchanges }
}

/// The text with `an` before the few listed words that need it.
fn articled(text: &str) -> String {
    ["orange", "umbrella"].iter().fold(text.to_owned(), |text, word| {
        text.replace(&format!(" a {word}"), &format!(" an {word}")).replace(&format!("A {word}"), &format!("An {word}"))
    })
}

/// A value for every slot a sentence can have.
fn slots(writer: &mut Writer, pool: &mut Pool) -> [(&'static str, String); 7] {
    let wordings = writer.wordings.clone();
    let mut verb =
        |list: &[String]| if writer.disturb(0.35) { format!("{}ed", writer.invented()) } else { writer.pick(list) };
    let (put, got) = (verb(&wordings.document.put), verb(&wordings.document.got));
    let next = |list: &mut Vec<String>| list.pop().unwrap_or_default();
    [
        ("name", next(&mut pool.names)),
        ("other", next(&mut pool.names)),
        ("object", next(&mut pool.objects)),
        ("place", next(&mut pool.places)),
        ("colour", next(&mut pool.colours)),
        ("put", put),
        ("got", got),
    ]
}

fn slots_of(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split('}').next())
}

#[cfg(test)]
mod tests {
    use super::super::writer::Fold;
    use super::*;

    #[test]
    fn each_answer_is_a_word_of_its_document() {
        for fold in [Fold::Training, Fold::HeldOut] {
            let mut writer = Writer::new(fold, 8).unwrap();
            for _ in 0..400 {
                let document = Document::new(&mut writer);
                assert!((3..=6).contains(&document.sentences.len()), "{:?}", document.sentences);
                assert!(!document.exchanges.is_empty());
                let text = document.sentences.join(" ");
                for (question, answer) in &document.exchanges {
                    let mut words = text.split(|letter: char| !letter.is_alphanumeric());
                    assert!(words.any(|word| word == answer), "{text}\n{question} {answer}");
                }
            }
        }
    }
}
