//! `proofhouse ledger serve`: a ledger's tree for those who have its credential.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use ph_base::Disk;
use ph_evidence::read_api::{ReadCredential, router};
use ph_evidence::tile_dir::TileDir;

use super::{ledger_dir, open_to_read};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::{ledger_arguments, output, serving};

const AFTER_HELP: &str = "\
Example:
  proofhouse ledger serve ./first-look --port 8091

Serves `checkpoint`, `tile/…` and `tile/entries/…` (C2SP tlog-tiles) to whoever sends
`Authorization: Bearer CREDENTIAL`. The credential is random, made anew each time, and
printed once on stdout. What is served says nothing of what was recorded: leaves are
commitments. Ctrl-C finishes what is under way; a second one drops it.";

#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// An output directory, a run's directory, or a ledger
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Port; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Print `{address, credential, origin}` on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let origin = open_to_read(&arguments.dir)?.origin().to_owned();
    let tiles = TileDir::new(&ledger_dir(&arguments.dir), Arc::new(Disk));
    let (credential, kept) = ReadCredential::new(&ledger_arguments::random()?);
    serving::block_on(async {
        let (listener, address) = serving::listen(arguments.listen, arguments.port, "--listen").await?;
        let url = format!("http://{address}");
        if arguments.json {
            output::json(&serde_json::json!({ "address": url, "credential": credential, "origin": origin }))?;
        } else {
            output::data(&format!("listening on {url}\ncredential {credential}\n"))?;
        }
        serving::serve(listener, router(tiles, vec![kept])).await
    })
}
