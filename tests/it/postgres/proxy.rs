//! A network between a worker and its database that can be cut, delayed and half-opened.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// As it should be.
    Well,
    /// Each piece takes so long.
    Slow(Duration),
    /// Connections look open, but nothing comes through any more.
    HalfOpen,
    /// Connections are closed, and new ones as well.
    Cut,
}

/// Listens on a port of its own and forwards to the server.
pub(crate) struct Proxy {
    port: u16,
    network: Arc<watch::Sender<Network>>,
    parted: Arc<AtomicU32>,
    task: AbortHandle,
}

impl Proxy {
    pub(crate) async fn before(server_port: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let network = Arc::new(watch::Sender::new(Network::Well));
        let server = SocketAddr::from(([127, 0, 0, 1], server_port));
        let parted = Arc::<AtomicU32>::default();
        let task = tokio::spawn(listen(listener, server, Arc::clone(&network), Arc::clone(&parted))).abort_handle();
        Proxy { port, network, parted, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were cut, refused, or kept something from coming through.
    pub(crate) fn parted(&self) -> u32 {
        self.parted.load(Ordering::Relaxed)
    }

    /// Changes the network from now on.
    pub(crate) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(
    listener: TcpListener,
    server: SocketAddr,
    network: Arc<watch::Sender<Network>>,
    parted: Arc<AtomicU32>,
) {
    while let Ok((client, _)) = listener.accept().await {
        if *network.borrow() == Network::Cut {
            parted.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let (one, other) = (network.subscribe(), network.subscribe());
        let parted = Arc::clone(&parted);
        tokio::spawn(async move {
            let Ok(upstream) = TcpStream::connect(server).await else {
                return;
            };
            let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), upstream.into_split());
            tokio::select! {
                biased;
                () = forward(client_in, server_out, one, &parted) => {}
                () = forward(server_in, client_out, other, &parted) => {}
            }
        });
    }
}

/// Until either side closes, or the network is cut.
async fn forward(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut network: watch::Receiver<Network>,
    parted: &AtomicU32,
) {
    let mut buffer = vec![0; 16_384];
    loop {
        let read = tokio::select! {
            biased;
            _ = network.wait_for(|network| *network == Network::Cut) => {
                parted.fetch_add(1, Ordering::Relaxed);
                return;
            }
            read = from.read(&mut buffer) => read,
        };
        let Ok(read @ 1..) = read else {
            return;
        };
        let now = *network.borrow_and_update();
        match now {
            Network::Well => {}
            Network::Slow(delay) => tokio::time::sleep(delay).await,
            Network::HalfOpen => {
                parted.fetch_add(1, Ordering::Relaxed);
                // What came goes on when the network does, or is lost with the connection.
                let healed = network.wait_for(|network| *network != Network::HalfOpen).await;
                if !healed.is_ok_and(|network| *network != Network::Cut) {
                    return;
                }
            }
            Network::Cut => return,
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
