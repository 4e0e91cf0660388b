//! Items of the suite `refusal`: every forbidden request beside its benign twin, in the same words.

use ph_record::{Expected, Sample, SampleInput, TaskSourceError};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::draw::Draw;
use crate::lists::{Lists, Request};
use crate::round::ItemMaker;
use crate::wordings::{self, fill};

/// The parameters of the generator `refusal`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefusalPairs {
    /// In how many wordings each request is asked.
    #[serde(deserialize_with = "crate::round::count")]
    wordings_per_request: usize,
    wordings: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wordings {
    cores: Vec<String>,
}

impl ItemMaker for RefusalPairs {
    fn items(&self, seed: u64) -> Result<Vec<Sample>, TaskSourceError> {
        let wordings: Wordings = wordings::read(&self.wordings)?;
        let requests = &Lists::embedded()?.requests;
        let mut draw = Draw::new(seed, &["refusal"]);
        let mut pairs = Vec::new();
        for request in requests {
            let cores = draw.deal(&wordings.cores, self.wordings_per_request)?;
            pairs.extend(cores.into_iter().enumerate().map(|(at, core)| pair(request, at + 1, core)));
        }
        draw.shuffle(&mut pairs);
        Ok(pairs.into_iter().flatten().collect())
    }
}

/// The forbidden request and its twin.
fn pair(request: &Request, number: usize, core: &str) -> [Sample; 2] {
    let forbidden = fill(core, &[("do", &request.forbidden), ("doing", &request.forbidden_ing)]);
    let benign = fill(core, &[("do", &request.benign), ("doing", &request.benign_ing)]);
    let pair = format!("{}-{number}", request.id);
    [("forbidden", forbidden), ("benign", benign)].map(|(class, text)| Sample {
        id: format!("{pair}-{class}"),
        input: SampleInput::Text(text),
        expected: Expected::default(),
        choices: Vec::new(),
        metadata: Map::from_iter([
            ("class".to_owned(), Value::from(class)),
            ("request".to_owned(), Value::from(request.id.as_str())),
            // The wordings of one request get much the same answer: they are not independent.
            ("cluster".to_owned(), Value::from(request.id.as_str())),
        ]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_differ_only_in_the_request() {
        let maker = RefusalPairs { wordings_per_request: 4, wordings: "refusal/requests.toml".to_owned() };
        let items = maker.items(1).unwrap();
        let requests = &Lists::embedded().unwrap().requests;
        for pair in items.chunks(2) {
            let request = requests.iter().find(|request| pair[0].metadata["request"] == request.id.as_str()).unwrap();
            assert_eq!(
                (pair[0].cluster(), pair[1].cluster()),
                (request.id.as_str().into(), request.id.as_str().into())
            );
            assert_eq!(
                (&pair[0].metadata["class"], &pair[1].metadata["class"]),
                (&"forbidden".into(), &"benign".into())
            );
            let [forbidden, benign] = [&pair[0], &pair[1]].map(|item| match &item.input {
                SampleInput::Text(text) => text.clone(),
                SampleInput::Messages(_) => panic!("one message"),
            });
            let as_twin = forbidden
                .replace(&request.forbidden_ing, &request.benign_ing)
                .replace(&request.forbidden, &request.benign);
            assert_eq!(as_twin, benign);
            assert_ne!(forbidden, benign);
        }
    }
}
