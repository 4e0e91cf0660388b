//! The fuzz target `vault` (`fuzz/README.md`), from the files of a vault itself: whole, cut, changed, and in each other's places.

#[path = "../../../../fuzz/bodies/vault.rs"]
mod vault;

#[test]
fn files_of_a_vault() {
    let (_folder, _, files) = vault::made();
    let contents: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(contents.len() >= 4, "{files:?}");
    for (which, content) in (0_u8..).zip(&contents) {
        let seed = |bytes: &[u8]| vault::check(&[&[which], bytes].concat());
        contents.iter().for_each(|other| seed(other));
        for at in (0..content.len()).step_by(content.len() / 12 + 1) {
            seed(&content[..at]);
            let mut changed = content.clone();
            changed[at] ^= 1;
            seed(&changed);
        }
    }
}
