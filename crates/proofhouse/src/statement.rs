//! `--statement`: what those who run an assessment state of themselves and of the access they were given (docs/report.md).

use std::io::Read as _;
use std::path::Path;

use ph_model::TargetName;
use ph_record::Statement;

use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

/// A statement is a page, not a book.
const BYTES_MAX: u64 = 1 << 20;

const HINT: &str =
    "give a TOML file with `run_by`, `paid_by`, `influence` and an `[[access]]` per target; docs/report.md shows one";

/// Reads the statement of this file; every target that it speaks of must be one of `targets`.
pub(crate) fn statement(path: &Path, targets: &[&TargetName]) -> Result<Statement, Failure> {
    let shown = output::visible(&path.display().to_string());
    let text = read(path).map_err(|problem| {
        let message = format!("cannot read the statement `{shown}`: {problem}");
        Failure::new(Exit::Malformed, "statement::read", message).with_hint(HINT)
    })?;
    let statement = parse(&text).map_err(|problem| {
        let message = format!("the statement `{shown}` is malformed: {problem}");
        Failure::new(Exit::Malformed, "statement::malformed", message).with_hint(HINT)
    })?;
    if let Some(access) = statement.access.iter().find(|access| !targets.contains(&&access.target)) {
        let target = output::visible(&access.target.to_string());
        let message = format!("the statement `{shown}` speaks of access to `{target}`, which is not assessed");
        let names: Vec<String> = targets.iter().map(|target| format!("`{target}`")).collect();
        let hint = format!("the targets are {}", names.join(", "));
        return Err(Failure::new(Exit::Usage, "statement::target", message).with_hint(hint));
    }
    Ok(statement)
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > BYTES_MAX { Err("it is longer than 1 MiB".to_owned()) } else { Ok(text) }
}

fn parse(text: &str) -> Result<Statement, String> {
    toml::from_str(text).map_err(|error| {
        let message = output::visible(error.message());
        match error.span().and_then(|span| text.get(..span.start)) {
            Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
            None => message,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_example_is_read() {
        let page = include_str!("../../../docs/report.md");
        let example: Vec<&str> =
            page.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.is_empty()).collect();
        let statement = parse(&example.join("\n")).unwrap();
        assert_eq!(statement.access[0].level, Some(ph_record::AccessLevel::Al2));
        assert!(statement.run_by.is_some() && statement.paid_by.is_some() && statement.influence.is_some());
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let problem = parse("run_by = \"x\"\npayed_by = \"y\"\n").unwrap_err();
        assert!(problem.starts_with("line 2") && problem.contains("payed_by"), "{problem}");
        assert!(parse("[[access]]\ntarget = \"nonsense\"\n").unwrap_err().contains("nonsense"));
    }

    #[test]
    fn access_to_somebody_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("statement.toml");
        std::fs::write(&file, "[[access]]\ntarget = \"openai/other\"\n").unwrap();
        let sound = TargetName::Reference("sound".to_owned());
        assert_eq!(statement(&file, &[&sound]).unwrap_err().exit(), Exit::Usage);
        assert_eq!(statement(&dir.path().join("none"), &[&sound]).unwrap_err().exit(), Exit::Malformed);
        let other: TargetName = "openai/other".parse().unwrap();
        assert!(statement(&file, &[&other]).is_ok());
    }
}
