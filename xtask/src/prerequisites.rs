//! What the tests need beyond Rust and a C compiler: installed here, idempotently, and said aloud. What cannot be had
//! is left out, and the tests that need it record a skip.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{inspect_logs, shell};

/// Where the tools are.
pub(crate) struct Tools {
    /// A Python with what tests import.
    pub(crate) python: Option<PathBuf>,
    /// The script of axe-core, which examines pages.
    pub(crate) axe: Option<PathBuf>,
    /// The logs of Inspect's own tests.
    pub(crate) inspect_logs: Option<PathBuf>,
}

/// Installs what is missing.
pub(crate) fn install() -> Result<Tools, String> {
    chromium();
    let python = python_or_less();
    let inspect_logs = python.as_deref().and_then(inspect_logs_or_none);
    Ok(Tools { python, axe: axe(), inspect_logs })
}

/// The browser in which the report page is opened.
fn chromium() {
    if shell::has("chromium") {
        return;
    }
    if let Err(problem) = apt_install("chromium", "tests open the report in it") {
        println!("chromium could not be installed ({problem}): the tests that need it will be skipped");
    }
}

/// Installs a package of Debian's.
fn apt_install(package: &str, purpose: &str) -> Result<(), String> {
    println!("installing {package} from Debian's packages ({purpose})");
    let apt = |arguments: &[&str]| {
        let line = [&["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"], arguments].concat();
        shell::output("env", &line).map(drop)
    };
    // A machine without package lists is updated; one whose lists are partly out of reach may still have the package.
    let updated = apt(&["update"]);
    apt(&["install", "-y", "--no-install-recommends", package]).map_err(|problem| match updated {
        Ok(()) => problem,
        Err(update) => format!("{problem}; before it, {update}"),
    })
}

/// axe-core as tests run it on the report page; pinned like the Python packages.
const AXE: &str = "axe-core@4.14.1";

/// The script of axe-core, installed with npm into the user's cache directory.
fn axe() -> Option<PathBuf> {
    let prefix = cache_dir()?.join("proofhouse").join("npm");
    let script = prefix.join("node_modules").join("axe-core").join("axe.min.js");
    if script.is_file() {
        return Some(script);
    }
    if !shell::has("npm")
        && let Err(problem) = apt_install("npm", "axe-core comes with it")
    {
        println!("npm could not be installed: {problem}");
    }
    println!("installing {AXE} with npm into the cache directory (tests examine the report page with it)");
    let path = prefix.to_string_lossy().into_owned();
    let installed = shell::output("npm", &["install", "--prefix", &path, "--no-audit", "--no-fund", AXE]);
    if let Err(problem) = installed {
        println!("no axe-core ({problem}): the tests that need it will be skipped");
    }
    script.is_file().then_some(script)
}

/// What is installed into the Python environment: NumPy repeats the forward pass, Inspect runs against `model serve` and
/// reads our logs, the SDKs read what the stub says. Pinned, so that a release of
/// theirs never turns a test red.
const PACKAGES: [&str; 6] = [
    "numpy==2.4.6",
    "inspect_ai==0.3.285",
    "cryptography==50.0.2",
    "openai==3.54.0",
    "anthropic==2.12.0",
    "google-genai==3.4.0",
];

/// Makes the Python environment of the tests and says where it is.
pub(crate) fn test_tools() -> Result<(), String> {
    let python = python()?;
    println!("PROOFHOUSE_PYTHON={}", python.display());
    if let Some(logs) = inspect_logs_or_none(&python) {
        println!("PROOFHOUSE_INSPECT_LOGS={}", logs.display());
    }
    Ok(())
}

/// The Python of the virtual environment in the user's cache directory, made or completed where it is not as pinned.
fn python() -> Result<PathBuf, String> {
    let venv = venv().ok_or("neither XDG_CACHE_HOME nor HOME is set")?;
    let python = venv.join("bin").join("python");
    if is_complete(&python) {
        println!("the Python environment in {} is as it should be", venv.display());
        return Ok(python);
    }
    println!("installing into the Python environment in {}: {}", venv.display(), PACKAGES.join(", "));
    if !python.exists() {
        make_venv(&venv)?;
    }
    install_packages(&python, &PACKAGES)?;
    if is_complete(&python) { Ok(python) } else { Err("pip installed other versions than the pinned ones".to_owned()) }
}

/// Debian keeps the part of Python that makes environments in a package of its own.
fn make_venv(venv: &Path) -> Result<(), String> {
    let path = venv.to_string_lossy();
    let make = || shell::output("python3", &["-m", "venv", "--clear", &path]).map(drop);
    make().or_else(|problem| {
        apt_install("python3-venv", "the Python environment of the tests is made with it")
            .map_err(|second| format!("{problem}; {second}"))?;
        make()
    })
}

fn install_packages(python: &Path, packages: &[&str]) -> Result<String, String> {
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    shell::output(&python.to_string_lossy(), &[&pip, packages].concat())
}

/// The Python environment, or one with NumPy alone where the rest cannot be had.
fn python_or_less() -> Option<PathBuf> {
    let problem = match python() {
        Ok(python) => return Some(python),
        Err(problem) => problem,
    };
    println!("the Python environment is not complete ({problem}): tests that need what it lacks will be skipped");
    let python = venv()?.join("bin").join("python");
    install_packages(&python, &PACKAGES[..1]).is_ok().then_some(python)
}

fn inspect_logs_or_none(python: &Path) -> Option<PathBuf> {
    let logs = inspect_logs::install(python, &cache_dir()?.join("proofhouse"));
    if let Err(problem) = &logs {
        println!("no logs of Inspect's own tests ({problem}): the test that reads them will be skipped");
    }
    logs.ok()
}

fn venv() -> Option<PathBuf> {
    Some(cache_dir()?.join("proofhouse").join("venv"))
}

fn cache_dir() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
}

/// Whether every package is there, in its pinned version.
fn is_complete(python: &Path) -> bool {
    const SCRIPT: &str = "import sys; from importlib.metadata import version\n\
        sys.exit(any(version(name) != pin for name, pin in (p.split('==') for p in sys.argv[1:])))";
    let status = Command::new(python).args(["-c", SCRIPT]).args(PACKAGES).output();
    status.is_ok_and(|output| output.status.success())
}
