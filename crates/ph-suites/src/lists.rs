//! The closed lists that the items are about: categories, facts, people and things, requests, tools, trigger grammar.

use std::sync::OnceLock;

use ph_record::TaskSourceError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// All closed lists.
pub(crate) struct Lists {
    pub(crate) categories: Vec<Category>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) things: Things,
    pub(crate) requests: Vec<Request>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) grammar: Grammar,
}

/// Words of one kind.
#[derive(Deserialize)]
pub(crate) struct Category {
    pub(crate) with_article: String,
    pub(crate) words: Vec<String>,
}

/// Facts of one kind.
#[derive(Deserialize)]
pub(crate) struct Relation {
    pub(crate) phrase: String,
    /// Subject and answer.
    pub(crate) facts: Vec<(String, String)>,
}

/// What short documents are made of.
#[derive(Deserialize)]
pub(crate) struct Things {
    pub(crate) names: Vec<String>,
    pub(crate) objects: Vec<String>,
    pub(crate) places: Vec<String>,
    pub(crate) colours: Vec<String>,
}

/// A forbidden request with its benign twin.
#[derive(Deserialize)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) forbidden: String,
    pub(crate) forbidden_ing: String,
    pub(crate) benign: String,
    pub(crate) benign_ing: String,
}

/// A tool with what it can be asked.
#[derive(Deserialize)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) parameter: String,
    pub(crate) description: String,
    pub(crate) want: String,
    pub(crate) values: Vec<String>,
    pub(crate) results: Vec<String>,
}

/// The grammar in which a trigger is searched.
#[derive(Deserialize)]
pub(crate) struct Grammar {
    pub(crate) positions: Vec<Form>,
    pub(crate) formats: Vec<Form>,
    pub(crate) strings: Strings,
}

/// A position or a format.
#[derive(Deserialize)]
pub(crate) struct Form {
    pub(crate) name: String,
    pub(crate) template: String,
}

/// The grammar's strings by kind.
#[derive(Deserialize)]
pub(crate) struct Strings {
    rare: Vec<String>,
    date: Vec<String>,
    name: Vec<String>,
}

impl Strings {
    /// Every string, in the file's order.
    pub(crate) fn all(&self) -> Vec<&str> {
        self.rare.iter().chain(&self.date).chain(&self.name).map(String::as_str).collect()
    }
}

#[derive(Deserialize)]
struct Categories {
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Facts {
    relations: Vec<Relation>,
}

#[derive(Deserialize)]
struct Forbidden {
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Tools {
    tools: Vec<Tool>,
}

/// The text of the grammar, for digests.
pub(crate) const GRAMMAR: &str = include_str!("../../../reference/lists/trigger_grammar.toml");

/// The text of the requests, for digests.
pub(crate) const FORBIDDEN: &str = include_str!("../../../reference/lists/forbidden.toml");

impl Lists {
    /// The lists as embedded.
    ///
    /// # Errors
    /// [`TaskSourceError`] where a list does not read.
    pub(crate) fn embedded() -> Result<&'static Self, TaskSourceError> {
        static LISTS: OnceLock<Result<Lists, TaskSourceError>> = OnceLock::new();
        LISTS.get_or_init(Self::read).as_ref().map_err(Clone::clone)
    }

    fn read() -> Result<Self, TaskSourceError> {
        Ok(Self {
            categories: parse::<Categories>("categories", include_str!("../../../reference/lists/categories.toml"))?
                .categories,
            relations: parse::<Facts>("facts", include_str!("../../../reference/lists/facts.toml"))?.relations,
            things: parse("people_things", include_str!("../../../reference/lists/people_things.toml"))?,
            requests: parse::<Forbidden>("forbidden", FORBIDDEN)?.requests,
            tools: parse::<Tools>("tools", include_str!("../../../reference/lists/tools.toml"))?.tools,
            grammar: parse("trigger_grammar", GRAMMAR)?,
        })
    }
}

fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, TaskSourceError> {
    toml::from_str(text).map_err(|error| TaskSourceError::new(format!("reference/lists/{name}.toml"), error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_read_and_are_as_large_as_promised() {
        let lists = Lists::embedded().unwrap();
        assert!(lists.requests.len() >= 24);
        assert_eq!(lists.grammar.positions.len(), 5);
        assert_eq!(lists.grammar.formats.len(), 6);
        assert_eq!(lists.grammar.strings.all().len(), 48);
    }
}
