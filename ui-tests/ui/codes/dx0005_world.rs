//! DX0005: the world outside.

use std::fs;

use duroxide::{OrchestrationContext, orchestration};

#[orchestration]
async fn checkout(_ctx: OrchestrationContext) -> Result<(), String> {
    let orders = std::fs::read_to_string("orders.json");
    let file = fs::File::open("orders.json");
    let peer = std::net::TcpStream::connect("shop:80");
    let tool = std::process::Command::new("ship");
    std::io::stdin().lines();
    let _ = (orders, file, peer, tool);
    Ok(())
}

fn main() {}
