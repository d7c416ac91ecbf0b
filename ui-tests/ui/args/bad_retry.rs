//! Retries that make no sense.
use duroxide::activity;

#[activity(retry = 3)]
async fn charge0() -> Result<(), String> {
    Ok(())
}

#[activity(retry)]
async fn charge1() -> Result<(), String> {
    Ok(())
}

#[activity(retry(max_attempts = 0))]
async fn charge2() -> Result<(), String> {
    Ok(())
}

#[activity(retry(max_attempts = "3"))]
async fn charge3() -> Result<(), String> {
    Ok(())
}

#[activity(retry(attempts = 3))]
async fn charge4() -> Result<(), String> {
    Ok(())
}

#[activity(retry(factor = 0.5))]
async fn charge5() -> Result<(), String> {
    Ok(())
}

#[activity(retry(factor = fast))]
async fn charge6() -> Result<(), String> {
    Ok(())
}

#[activity(retry(initial = "2m", max = "1m"))]
async fn charge7() -> Result<(), String> {
    Ok(())
}

#[activity(retry(initial = 30))]
async fn charge8() -> Result<(), String> {
    Ok(())
}

#[activity(retry(initial = "soon", max = "10us"))]
async fn charge9() -> Result<(), String> {
    Ok(())
}

#[activity(retry(max_attempts = 99999999999))]
async fn charge10() -> Result<(), String> {
    Ok(())
}

#[activity(retry(max_attempts = 3 initial = "1s"))]
async fn charge11() -> Result<(), String> {
    Ok(())
}

fn main() {}
