//! A handler is registered once.
use duroxide::activity;

#[activity]
async fn charge<T: Send>(order: T) -> Result<(), String> {
    Ok(())
}

#[activity]
async unsafe fn danger() -> Result<(), String> {
    Ok(())
}

struct Shop;

impl Shop {
    #[activity]
    async fn method(&self) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
