//! Makes the page and the summary of a `report.json` again: `render report.json OUT_DIR`.
#![allow(clippy::unwrap_used, reason = "a tool for looking at pages while they are written")]

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let (data, out) = (arguments.next().unwrap(), std::path::PathBuf::from(arguments.next().unwrap()));
    let data = serde_json::from_slice(&std::fs::read(data).unwrap()).unwrap();
    std::fs::write(out.join("report.html"), ph_report::html(&data).unwrap()).unwrap();
    std::fs::write(out.join("report.md"), ph_report::markdown(&data)).unwrap();
}
