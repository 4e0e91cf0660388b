//! Binding a socket and serving a router until interrupted: what all commands that serve have in common.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output;

/// Runs `work` in the runtime of a server.
pub(crate) fn block_on(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::from_error(Exit::Resource, "runtime", error))?.block_on(work)
}

/// Listens; the address that it is then, where `port` is 0 too. `flag` names the argument that the host came from.
pub(crate) async fn listen(host: IpAddr, port: u16, flag: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let wanted = SocketAddr::new(host, port);
    let listener = TcpListener::bind(wanted).await.map_err(|error| {
        Failure::new(Exit::Resource, "serve::listen", format!("cannot listen on `{wanted}`: {error}"))
            .with_hint(format!("choose another `--port` (0 takes a free one) or `{flag}`"))
    })?;
    let address = listener.local_addr().map_err(|error| Failure::from_error(Exit::Resource, "serve::listen", error))?;
    Ok((listener, address))
}

/// Serves until interrupted: the first interrupt finishes what is under way, the second drops it.
pub(crate) async fn serve(listener: TcpListener, router: Router) -> Result<Exit, Failure> {
    // Small pieces of a stream must not wait for each other (Nagle's algorithm).
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let (drain, mut drained) = watch::channel(false);
    let asked = async move {
        drop(drained.wait_for(|asked| *asked).await);
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(asked);
    tokio::select! {
        ended = server.into_future() => match ended {
            Ok(()) => Ok(Exit::Done),
            Err(error) => Err(Failure::from_error(Exit::Resource, "serve", error)),
        },
        () = interrupts(&drain) => Ok(Exit::Interrupted),
    }
}

/// The first interrupt drains; ends at the second.
async fn interrupts(drain: &watch::Sender<bool>) {
    stop_signal().await;
    output::say("interrupted: requests under way are finished (again to drop them)");
    drain.send_replace(true);
    stop_signal().await;
}

/// Ctrl-C, or the signal by which service managers end a program.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() { std::future::pending().await },
        () = terminated => {}
    }
}
