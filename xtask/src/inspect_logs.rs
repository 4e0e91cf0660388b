//! The logs of Inspect's own tests, which tests of our reader read. The package that is installed carries none; the source
//! package of an older release does. They stay in the user's cache directory.

use std::path::{Path, PathBuf};

use crate::shell;

/// A release that carries them; Inspects of 2024 and 2025 wrote them.
const VERSION: &str = "0.3.150";

/// Unpacks what may be a log.
const UNPACK: &str = "import sys, tarfile\n\
    archive, folder = sys.argv[1:]\n\
    safely = {'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}\n\
    with tarfile.open(archive) as package:\n\
    \x20   found = [one for one in package if '/tests/' in one.name and one.name.endswith(('.eval', '.json'))]\n\
    \x20   package.extractall(folder, found, **safely)\n\
    sys.exit(0 if found else 'the package has no logs')";

/// The folder with the logs, fetched into `cache` where it is not there yet.
pub(crate) fn install(python: &Path, cache: &Path) -> Result<PathBuf, String> {
    let folder = cache.join(format!("inspect-logs-{VERSION}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    println!("downloading the source package of inspect_ai {VERSION} (tests read the logs in it)");
    let part = cache.join("inspect-logs.part");
    let _ = std::fs::remove_dir_all(&part);
    let unpacked = fetch(python, &part).and_then(|logs| std::fs::rename(logs, &folder).map_err(|e| e.to_string()));
    let _ = std::fs::remove_dir_all(&part);
    unpacked.map(|()| folder)
}

/// Downloads and unpacks into `part`; gives the folder of the logs in it.
fn fetch(python: &Path, part: &Path) -> Result<PathBuf, String> {
    let (python, release) = (python.to_string_lossy(), format!("inspect_ai=={VERSION}"));
    let (package, logs) = (part.join("package"), part.join("logs"));
    let into = package.to_string_lossy();
    let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", &into];
    shell::output(&python, &[&pip[..], &["--no-binary", "inspect_ai", &release]].concat())?;
    let archive = package.join(format!("inspect_ai-{VERSION}.tar.gz"));
    shell::output(&python, &["-c", UNPACK, &archive.to_string_lossy(), &logs.to_string_lossy()])?;
    Ok(logs)
}
