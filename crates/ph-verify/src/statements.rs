//! The statements in the entries, and the pages of the report.

use std::collections::BTreeMap;

use ph_analysis::ReportData;
use ph_base::{Digest, RunId, chain};
use ph_proof::dsse::Envelope;
use ph_proof::event::EventBody;
use ph_proof::statement::{
    self, EditionPredicate, PlanPredicate, Predicate, RunKind, RunPredicate, SamplesPredicate, Statement, edition,
    samples,
};

use crate::bundle::Bundle;
use crate::check::{Findings, Found};
use crate::ledger_checks::Ledger;
use crate::verify::Pages;

/// A run as the ledger has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunEntries {
    /// Every opening: index, kind, the digest of the plan, whether it was gone on with.
    pub(crate) opened: Vec<(u64, RunKind, Option<Digest>, bool)>,
    /// The last closing: index, the statements.
    pub(crate) closed: Option<(u64, Statement<RunPredicate>, Statement<SamplesPredicate>)>,
}

/// The statements by what they are about, with the indices of their entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statements {
    pub(crate) plans: Vec<(u64, Statement<PlanPredicate>)>,
    pub(crate) runs: BTreeMap<RunId, RunEntries>,
    pub(crate) editions: BTreeMap<u64, EditionPredicate>,
    /// Whether some of the ledger's entries are withheld.
    pub(crate) is_partial: bool,
}

impl Statements {
    pub(crate) fn read(ledger: &Ledger) -> (Self, Found) {
        let (mut all, mut findings, mut count) = (Self::default(), Findings::default(), 0);
        all.is_partial = ledger.last().is_none_or(|last| last.size != ledger.entries.len() as u64);
        for (index, entry) in &ledger.entries {
            match all.take(*index, &entry.event.body, ledger) {
                Ok(read) => count += read,
                Err(problem) => findings.wrong(format!("entry {index} ({}): {problem}", entry.event.kind())),
            }
        }
        (all, findings.found(format!("{count} statements, signed")))
    }

    /// Takes an entry; how many statements it has.
    fn take(&mut self, index: u64, body: &EventBody, ledger: &Ledger) -> Result<u64, String> {
        match body {
            EventBody::LedgerOpened { .. } | EventBody::BodyDestroyed { .. } => Ok(0),
            EventBody::PlanLocked { plan } => {
                self.plans.push((index, open(plan, ledger)?));
                Ok(1)
            }
            EventBody::RunOpened { kind, plan, run, resumed, .. } => {
                self.runs.entry(*run).or_default().opened.push((index, *kind, *plan, *resumed));
                Ok(0)
            }
            EventBody::RunClosed { run, samples: set } => {
                let (run, set): (Statement<RunPredicate>, Statement<SamplesPredicate>) =
                    (open(run, ledger)?, open(set, ledger)?);
                if set.predicate.run != run.predicate.run
                    || set.subject.len() != 1
                    || set.subject[0].name != samples::SUBJECT
                {
                    return Err("the statement on the samples is about something else".to_owned());
                }
                let id = run.predicate.run;
                self.runs.entry(id).or_default().closed = Some((index, run, set));
                Ok(2)
            }
            EventBody::ReportAttested { edition: envelope } => {
                let opened: Statement<EditionPredicate> = open(envelope, ledger)?;
                let digest = opened.predicate.parts_digest().map_err(|error| chain(&error))?;
                let is_it =
                    matches!(&opened.subject[..], [one] if one.name == edition::SUBJECT && one.digest == digest);
                if !is_it || !opened.predicate.is_sorted() {
                    return Err("the subject is not the list of parts, or the list is not in order".to_owned());
                }
                self.editions.insert(index, opened.predicate);
                Ok(1)
            }
            // Whether both keys signed was read before the heads were.
            EventBody::KeyRotated { .. } => Ok(1),
        }
    }

    /// The run as it was closed, with what the ledger says of it.
    pub(crate) fn closed(
        &self,
    ) -> impl Iterator<Item = (&RunId, &Statement<RunPredicate>, &Statement<SamplesPredicate>)> {
        self.runs.iter().filter_map(|(id, run)| run.closed.as_ref().map(|(_, run, samples)| (id, run, samples)))
    }
}

fn open<P: Predicate>(envelope: &Envelope, ledger: &Ledger) -> Result<Statement<P>, String> {
    Ok(statement::open::<P>(envelope, &ledger.keys).map_err(|error| chain(&error))?.statement)
}

/// The pages, made again from the report's data and compared byte by byte.
pub(crate) fn pages(bundle: &mut Bundle, report: Option<&ReportData>, maker: Option<&dyn Pages>) -> Found {
    let Some(maker) = maker else {
        return Found::not_checkable("this program makes no pages: `proofhouse verify` compares them");
    };
    let Some(report) = report else { return Found::not_checkable("there is no report to make them from") };
    let made = match maker.pages(report) {
        Ok(made) => made,
        Err(problem) => return Found::failed(format!("the pages cannot be made from the report: {problem}")),
    };
    let (mut findings, mut same) = (Findings::default(), Vec::new());
    for (name, wanted) in made {
        match bundle.part(&name) {
            Ok(Some(is)) if is == wanted => same.push(name),
            Ok(Some(_)) => findings.wrong(format!("`{name}` is not what this version makes from `report.json`")),
            Ok(None) => findings.lacking(format!("`{name}` is withheld")),
            Err(problem) => findings.wrong(problem),
        }
    }
    findings.found(format!("{} are what `report.json` gives", same.join(", ")))
}
