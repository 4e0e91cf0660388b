//! `proofhouse render-worker`: the process that makes prompts of a foreign model, started by the program itself.

use crate::exit_code::Exit;
use crate::failure::Failure;

pub(crate) fn run() -> Result<Exit, Failure> {
    match ph_assess::serve_rendering(std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => Err(Failure::from_error(Exit::Unexpected, "render_worker", error)
            .with_hint("this command is for the program's own use")),
    }
}
