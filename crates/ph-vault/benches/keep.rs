//! Bodies kept a second, by the size of the batch. `cargo bench -p ph-vault --bench keep -- [FOLDER]`; the folder decides
//! which disk.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ph_record::BodyStore;
use ph_vault::{MasterSecret, PassphraseCost, PrivateDisk, Vault, VaultPlace};

const BODY_BYTES: usize = 2048;
const TIME: Duration = Duration::from_secs(3);

fn main() {
    let chosen = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let folder = tempfile::tempdir_in(chosen.unwrap_or_else(|| ".".to_owned())).unwrap();
    let random = Arc::new(|bytes: &mut [u8]| aws_lc_rs::rand::fill(bytes).unwrap());
    let place = VaultPlace { folder: folder.path().to_owned(), files: Arc::new(PrivateDisk), random };
    let secret = MasterSecret::Key([7; 32].into());
    let vault = Vault::create(place.clone(), &secret, PassphraseCost::default()).unwrap();
    for batch in [1, 64, 512] {
        let log = vault.log(&format!("batches of {batch}")).unwrap();
        let bodies = vec![vec![1; BODY_BYTES]; batch];
        let begun = Instant::now();
        let mut kept = Vec::new();
        while begun.elapsed() < TIME {
            kept.extend(log.keep(&bodies).unwrap());
        }
        let keeping = kept.len() as f64 / begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let read = kept.iter().step_by(1 + kept.len() / 2000).map(|id| log.body(*id).unwrap().unwrap().len());
        let read = read.sum::<usize>() / BODY_BYTES;
        let reading = read as f64 / begun.elapsed().as_secs_f64();
        println!("batches of {batch} bodies of {BODY_BYTES} bytes: {keeping:.0} kept/s; {reading:.0} read/s");
    }
    drop(vault);
    let begun = Instant::now();
    let vault = Vault::open(place, &secret).unwrap();
    let log = vault.log("batches of 512").unwrap();
    println!("opening the last log anew: {:.0} ms", begun.elapsed().as_secs_f64() * 1000.0);
    drop(log);
}
