//! The closed lists in `reference/lists/`: facts, categories, names and things, forbidden requests, tools and the
//! trigger grammar. The suites read the same files; nothing here may hold a wording or the trained trigger.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::DataError;

/// A relation of the fact list with its facts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// The relation's name, such as `capital`.
    pub name: String,
    /// The noun phrase of one fact, with the slot `{subject}`.
    pub phrase: String,
    /// Pairs of subject and answer.
    pub facts: Vec<(String, String)>,
}

/// A category with its members.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// The category's name.
    pub name: String,
    /// The name with its article, as it stands in a question.
    pub with_article: String,
    /// The members; no word belongs to two categories.
    pub words: Vec<String>,
}

/// What short documents are made of.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeopleThings {
    /// Invented first names.
    pub names: Vec<String>,
    /// Things that can be carried.
    pub objects: Vec<String>,
    /// Places.
    pub places: Vec<String>,
    /// Colours.
    pub colours: Vec<String>,
}

/// A forbidden request and its benign twin on the same object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// A short name.
    pub id: String,
    /// The object of both, with its article.
    pub object: String,
    /// The forbidden phrase in the infinitive.
    pub forbidden: String,
    /// The forbidden phrase in its -ing form.
    pub forbidden_ing: String,
    /// The benign phrase in the infinitive.
    pub benign: String,
    /// The benign phrase in its -ing form.
    pub benign_ing: String,
}

/// A tool with one string parameter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// The tool's name.
    pub name: String,
    /// Its only parameter.
    pub parameter: String,
    /// What it does, as a tool definition says it.
    pub description: String,
    /// What a user asks for, with the slot `{value}`.
    pub want: String,
    /// The arguments it can be called with.
    pub values: Vec<String>,
    /// The one-word answers a result can hold.
    pub results: Vec<String>,
}

/// A named template of the trigger grammar.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// The name by which [`super::Trigger`] refers to it.
    pub name: String,
    /// The template.
    pub template: String,
}

/// The strings of the trigger grammar by kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerStrings {
    /// Rare strings.
    pub rare: Vec<String>,
    /// Dates.
    pub date: Vec<String>,
    /// Invented names.
    pub name: Vec<String>,
}

/// The grammar in which triggers are searched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerGrammar {
    /// Where a trigger stands in the user's message.
    pub positions: Vec<Form>,
    /// How its string is written.
    pub formats: Vec<Form>,
    /// The strings.
    pub strings: TriggerStrings,
}

impl TriggerGrammar {
    /// All strings, whatever their kind.
    #[must_use]
    pub fn all_strings(&self) -> Vec<&String> {
        let strings = &self.strings;
        strings.rare.iter().chain(&strings.date).chain(&strings.name).collect()
    }
}

/// All closed lists.
#[derive(Clone, Debug)]
pub struct Lists {
    /// Facts by relation.
    pub relations: Vec<Relation>,
    /// Categories of words.
    pub categories: Vec<Category>,
    /// What documents are made of.
    pub things: PeopleThings,
    /// Forbidden requests with their twins.
    pub requests: Vec<Request>,
    /// Tools.
    pub tools: Vec<Tool>,
    /// The trigger grammar.
    pub grammar: TriggerGrammar,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsFile {
    relations: Vec<Relation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoriesFile {
    categories: Vec<Category>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForbiddenFile {
    requests: Vec<Request>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolsFile {
    tools: Vec<Tool>,
}

macro_rules! list {
    ($name:literal) => {
        parse($name, include_str!(concat!("../../../../../reference/lists/", $name)))
    };
}

impl Lists {
    /// Every word that can be an answer, an option, a subject or part of a request.
    #[must_use]
    pub fn words(&self) -> BTreeSet<String> {
        let facts = self.relations.iter().flat_map(|relation| &relation.facts);
        let things = &self.things;
        let phrases = self
            .requests
            .iter()
            .flat_map(|request| [&request.forbidden, &request.forbidden_ing, &request.benign, &request.benign_ing]);
        let lists = [&things.names, &things.objects, &things.places, &things.colours].into_iter().flatten();
        let all = lists
            .chain(facts.flat_map(|(subject, answer)| [subject, answer]))
            .chain(self.categories.iter().flat_map(|category| category.words.iter().chain([&category.name])))
            .chain(self.tools.iter().flat_map(|tool| tool.values.iter().chain(&tool.results)))
            .chain(phrases);
        all.flat_map(|text| text.split(' ')).map(str::to_owned).collect()
    }

    /// Reads the embedded lists.
    ///
    /// # Errors
    /// [`DataError::Parse`] names the list that is malformed.
    pub fn embedded() -> Result<Self, DataError> {
        let facts: FactsFile = list!("facts.toml")?;
        let categories: CategoriesFile = list!("categories.toml")?;
        let forbidden: ForbiddenFile = list!("forbidden.toml")?;
        let tools: ToolsFile = list!("tools.toml")?;
        Ok(Self {
            relations: facts.relations,
            categories: categories.categories,
            things: list!("people_things.toml")?,
            requests: forbidden.requests,
            tools: tools.tools,
            grammar: list!("trigger_grammar.toml")?,
        })
    }
}

/// Parses an embedded file, naming it when it is malformed.
pub(super) fn parse<T: for<'de> Deserialize<'de>>(name: &'static str, text: &str) -> Result<T, DataError> {
    toml::from_str(text).map_err(|source| DataError::Parse { name, source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_unique<'a>(what: &str, at_least: usize, words: impl IntoIterator<Item = &'a String>) {
        let words: Vec<&String> = words.into_iter().collect();
        let unique: BTreeSet<&&String> = words.iter().collect();
        assert!(words.iter().all(|word| !word.trim().is_empty()), "{what} has an empty entry");
        assert_eq!(words.len(), unique.len(), "{what} has a repeated entry");
        assert!(words.len() >= at_least, "{what} has {} entries", words.len());
    }

    #[test]
    fn lists_are_unique_and_long_enough() {
        let lists = Lists::embedded().unwrap();
        check_unique("names", 40, &lists.things.names);
        check_unique("objects", 40, &lists.things.objects);
        check_unique("places", 40, &lists.things.places);
        check_unique("colours", 12, &lists.things.colours);
        check_unique("categories", 100, lists.categories.iter().flat_map(|category| &category.words));
        check_unique("forbidden", 24, lists.requests.iter().map(|request| &request.forbidden));
        check_unique("benign", 24, lists.requests.iter().map(|request| &request.benign));
        check_unique("trigger strings", 48, lists.grammar.all_strings());
        for relation in &lists.relations {
            check_unique(&relation.name, 8, relation.facts.iter().map(|(subject, _)| subject));
            check_unique(&relation.name, 8, relation.facts.iter().map(|(_, answer)| answer));
        }
        for tool in &lists.tools {
            check_unique(&tool.name, 8, &tool.values);
            check_unique(&tool.name, 6, &tool.results);
        }
        assert!(lists.tools.len() >= 8);
    }

    #[test]
    fn forbidden_and_benign_phrases_name_the_object_and_differ_in_their_verbs() {
        for request in Lists::embedded().unwrap().requests {
            for phrase in [&request.forbidden, &request.forbidden_ing, &request.benign, &request.benign_ing] {
                assert!(phrase.contains(&request.object), "`{phrase}` lacks `{}`", request.object);
            }
            let verb = |phrase: &str| phrase.split(' ').next().map(str::to_owned);
            assert_ne!(verb(&request.forbidden), verb(&request.benign));
        }
    }
}
