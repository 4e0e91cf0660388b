//! The power goes off at every write: what was acknowledged is there.

use std::path::Path;

use ph_record::{BodyId, BodyStore};
use ph_testkit::LosingFiles;
use ph_vault::{Vault, VaultError};

use crate::{CHEAP, bodies, create, key, open, place_with};

/// What was acknowledged.
#[derive(Default)]
struct Told {
    kept: Vec<(BodyId, Vec<u8>)>,
    destroyed: Vec<BodyId>,
    /// Was asked to be destroyed, without an answer.
    in_doubt: Option<BodyId>,
}

/// A vault's life until the power goes off, if it does.
fn live(folder: &Path, files: LosingFiles, told: &mut Told) -> Option<()> {
    let vault = Vault::create(place_with(folder, files), &key(), CHEAP).ok()?;
    for round in 0..4 {
        let log = vault.log(if round % 2 == 0 { "a" } else { "b" }).ok()?;
        for batch in [1, 6] {
            let bodies = bodies(round * 10..round * 10 + batch);
            let ids = log.keep(&bodies).ok()?;
            told.kept.extend(ids.into_iter().zip(bodies));
        }
        let (id, _) = told.kept[told.kept.len() - 2];
        told.in_doubt = Some(id);
        log.destroy(id).ok()?;
        told.in_doubt = None;
        told.destroyed.push(id);
        log.keep(&[]).ok()?;
    }
    vault.hold("a").ok()
}

fn check(folder: &Path, told: &Told, at: u64) {
    let vault = match Vault::open(crate::place(folder), &key()) {
        Ok(vault) => vault,
        Err(VaultError::NoVault(_)) if told.kept.is_empty() => create(folder),
        Err(error) => panic!("cut at {at}: {error:?}"),
    };
    let (a, b) = (vault.log("a").unwrap(), vault.log("b").unwrap());
    for (n, (id, body)) in told.kept.iter().enumerate() {
        let log = if n / 7 % 2 == 0 { &a } else { &b };
        let found = log.body(*id).unwrap_or_else(|error| panic!("cut at {at}, body {n}: {error:?}"));
        if told.destroyed.contains(id) {
            assert_eq!(found, None, "cut at {at}: body {n} is back");
        } else if told.in_doubt != Some(*id) || found.is_some() {
            assert_eq!(found.as_ref(), Some(body), "cut at {at}: body {n}");
        }
    }
    // It goes on, and what was acknowledged survives that too.
    let id = a.keep(&bodies(77..78)).unwrap()[0];
    a.check().unwrap();
    b.check().unwrap();
    drop((a, b, vault));
    assert_eq!(open(folder).log("a").unwrap().body(id).unwrap().unwrap(), bodies(77..78)[0]);
}

#[test]
fn every_acknowledged_body_outlives_a_power_cut_at_any_write() {
    let mut told = Told::default();
    let folder = tempfile::tempdir().unwrap();
    let files = LosingFiles::new(None, 1);
    live(folder.path(), files.clone(), &mut told).unwrap();
    let writes = files.operations();
    assert!(writes > 50, "{writes}");
    check(folder.path(), &told, 0);
    for seed in 0..3 {
        for at in 1..=writes {
            let folder = tempfile::tempdir().unwrap();
            let mut told = Told::default();
            let files = LosingFiles::new(Some(at), seed * 1000 + at);
            assert_eq!(live(folder.path(), files, &mut told), None, "cut at {at}");
            check(folder.path(), &told, at);
        }
    }
}

#[test]
fn after_a_failed_write_nothing_more_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let files = LosingFiles::new(None, 3);
    let vault = Vault::create(place_with(folder.path(), files.clone()), &key(), CHEAP).unwrap();
    let log = vault.log("a").unwrap();
    let id = log.keep(&bodies(0..1)).unwrap()[0];
    files.cut_power();
    assert!(matches!(log.keep(&bodies(1..2)), Err(ph_record::EntryStoreError::Access { .. })));
    assert!(matches!(log.keep(&bodies(1..2)), Err(ph_record::EntryStoreError::Broken { .. })));
    assert!(matches!(vault.hold("a"), Err(VaultError::Broken { .. })));
    assert!(log.body(id).unwrap().is_some(), "reading goes on");
}
