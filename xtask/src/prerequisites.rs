//! What the tests need beyond Rust and a C compiler: installed here, idempotently, and said aloud. What cannot be had
//! is left out, and the tests that need it record a skip.

use std::path::PathBuf;
use std::process::Command;

use crate::shell;

/// Where the tools are.
pub(crate) struct Tools {
    /// A Python with NumPy.
    pub(crate) python: Option<PathBuf>,
}

/// Installs what is missing.
pub(crate) fn install() -> Result<Tools, String> {
    chromium();
    Ok(Tools { python: python() })
}

/// The browser in which the report page is opened.
fn chromium() {
    if shell::has("chromium") {
        return;
    }
    println!("installing chromium from Debian's packages (tests open the report in it)");
    let install = |arguments: &[&str]| {
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if !(install(&["update"]) && install(&["install", "-y", "--no-install-recommends", "chromium"])) {
        println!("chromium could not be installed: the tests that need it will be skipped");
    }
}

/// A virtual environment in the user's cache directory.
fn python() -> Option<PathBuf> {
    let home = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let venv = home.join("proofhouse").join("venv");
    let python = venv.join("bin").join("python");
    let has_numpy =
        || Command::new(&python).args(["-c", "import numpy"]).output().is_ok_and(|output| output.status.success());
    if has_numpy() {
        return Some(python);
    }
    println!("making a Python environment with numpy in the cache directory (tests compare the forward pass with it)");
    let path = venv.to_string_lossy().into_owned();
    let made = shell::output("python3", &["-m", "venv", &path])
        .and_then(|_| shell::output(&python.to_string_lossy(), &["-m", "pip", "install", "--quiet", "numpy"]));
    match made {
        Ok(_) if has_numpy() => Some(python),
        Ok(_) => None,
        Err(problem) => {
            println!("no Python with numpy ({problem}): the tests that need it will be skipped");
            None
        }
    }
}
