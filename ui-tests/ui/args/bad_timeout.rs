//! Timeouts that are none.
use duroxide::activity;

#[activity(timeout)]
async fn charge0() -> Result<(), String> {
    Ok(())
}

#[activity(timeout = 30)]
async fn charge1() -> Result<(), String> {
    Ok(())
}

#[activity(timeout = "30")]
async fn charge2() -> Result<(), String> {
    Ok(())
}

#[activity(timeout = "0s")]
async fn charge3() -> Result<(), String> {
    Ok(())
}

#[activity(timeout = "30 parsecs")]
async fn charge4() -> Result<(), String> {
    Ok(())
}

#[activity(timeout("30s"))]
async fn charge5() -> Result<(), String> {
    Ok(())
}

#[activity(timeout = Duration::from_secs(30))]
async fn charge6() -> Result<(), String> {
    Ok(())
}

fn main() {}
