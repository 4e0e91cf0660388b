//! The one file that a review is handed over in: a ZIP archive of which there is exactly one form for given members, so that
//! its hash says what is in it and nothing can hide between its parts.
//!
//! Members are stored, in the order of their names, one after the other, with every header byte fixed (APPNOTE.TXT 6.3.10).
//! Any reader of ZIP archives reads it; [`Container`] reads no other archive.

pub mod container;
mod directory;
pub mod edition;
mod layout;
mod name;
pub mod writer;

pub use container::{Container, ContainerError, Member, MemberReader};
pub use edition::{EditionDocument, EditionError, OpeningDocument, ProofsDocument};
pub use layout::{MEMBERS_MAX, NAME_BYTES_MAX};
pub use writer::{BundleWriter, WriteError, write};
