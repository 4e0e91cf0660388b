//! Any bytes as the archive of a bundle.

use std::io::Cursor;

use ph_proof::bundle::{BundleWriter, Container};

const MEMBER_BYTES_MAX: u64 = 1 << 20;

/// Reads every member. An archive that is accepted is the one that is written of what was read.
pub(crate) fn check(data: &[u8]) {
    let Ok(mut container) = Container::open(Cursor::new(data)) else { return };
    let mut writer = BundleWriter::new(Vec::new());
    for member in container.members().to_vec() {
        let Ok(content) = container.read_member(&member.name, MEMBER_BYTES_MAX) else {
            assert!(member.size > MEMBER_BYTES_MAX || container.verify_contents().is_err());
            return;
        };
        writer.bytes(&member.name, &content).expect("a member that was read can be written");
    }
    container.verify_contents().expect("every member was read");
    assert!(writer.finish().expect("a bundle can be ended") == data, "a bundle has two forms");
}
