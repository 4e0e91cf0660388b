//! The one binary. What it can do is in `cli`, a file per command; nothing else happens here.

mod cache_arguments;
mod cli;
mod clock;
mod console;
mod data_dir;
mod endpoint_arguments;
mod env_vars;
mod exit_code;
mod failure;
mod key_file;
mod ledger_arguments;
mod limit_arguments;
mod output;
mod role_arguments;
mod run_argument;
mod serving;
mod shell_word;
mod spending;
mod statement;
mod task_argument;
mod treat_arguments;

use std::process::ExitCode;

/// Records are made in one thread and let go in another; with this allocator a sample costs a third less
/// (`cargo bench -p ph-assess --bench one_call`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A bug has been told by the panic's own message; it ends with a documented code too.
    std::panic::catch_unwind(cli::run).unwrap_or(exit_code::Exit::Unexpected).into()
}
