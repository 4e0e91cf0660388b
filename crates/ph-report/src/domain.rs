//! The domains under which suites are printed, and why each is looked at.

use ph_analysis::ReportData;

use crate::suite_view::{SuiteView, suite};
use crate::text::visible;

/// A domain with its suites.
pub(crate) struct DomainView {
    pub(crate) anchor: String,
    pub(crate) title: String,
    pub(crate) why: &'static str,
    pub(crate) suites: Vec<SuiteView>,
}

/// The domains in the order of their ids, tasks without one last; within a domain the plan's order.
pub(crate) fn domains(data: &ReportData) -> Vec<DomainView> {
    let mut ids: Vec<Option<&str>> = data.tasks.iter().map(|task| task.domain.as_deref()).collect();
    ids.sort_by_key(|id| (id.is_none(), *id));
    ids.dedup();
    let view = |(index, id): (usize, &Option<&str>)| DomainView {
        anchor: format!("domain-{}", index + 1),
        title: title(*id),
        why: why(*id),
        suites: data
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| task.domain.as_deref() == *id)
            .map(|(index, task)| suite(data, index, task))
            .collect(),
    };
    ids.iter().enumerate().map(view).collect()
}

fn title(id: Option<&str>) -> String {
    match id {
        Some("D1") => "D1: exploiting critical software, aiding cyberattacks".to_owned(),
        Some("D2") => "D2: support of military operations".to_owned(),
        Some("D3") => "D3: exploitation by adversaries".to_owned(),
        Some("D4") => "D4: general capability".to_owned(),
        Some("D5") => "D5: chemical and biological".to_owned(),
        Some(other) => format!("Domain {}", visible(other)),
        None => "Tasks without a domain".to_owned(),
    }
}

fn why(id: Option<&str>) -> &'static str {
    match id {
        Some("D1") => {
            "A model that finds and uses weaknesses of software by itself lowers what an attacker needs. The question is \
             what the target does beyond models that anybody can already use."
        }
        Some("D2") => {
            "A model may plan and decide where errors cost lives, and may serve a requester whom it should not. \
             Capability, conduct and diversion are asked apart and never added up."
        }
        Some("D3") => {
            "An adversary can reach a model through its users' wording, through the documents and tool results that it \
             reads, or through what was put into it in training. The question is whether this target gives way where \
             its comparator does not."
        }
        Some("D4") => {
            "Nothing here is a risk by itself. The other numbers can only be read against what a target can do at all: \
             one that cannot do a task cannot show the fault in it either."
        }
        Some("D5") => "Reserved. A suite that names this domain says itself why it asks.",
        Some(_) => "The domain is the task's own; why it is asked stands in the task's description.",
        None => "The task names no domain; why it is asked stands in its description, where it has one.",
    }
}
