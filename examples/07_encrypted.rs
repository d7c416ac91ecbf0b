//! A store that can be read with the right key only: payloads pass through AES-256-GCM.

use std::sync::Arc;
use std::time::Duration;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, Generate, Key, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use duroxide::providers::Provider;
use duroxide::providers::encoded::{CodecError, Encoded, PayloadCodec};
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::Runtime;
use duroxide::{Client, OrchestrationContext, activity, orchestration};

/// Bytes of a nonce.
const NONCE: usize = 12;

/// Keys by name. The first one encrypts; the others are kept as long as something that they encrypted is stored, so
/// that a key can be replaced while workflows run. Real ones come from a key service, and never from the source.
struct Keys(Vec<(&'static str, Aes256Gcm)>);

/// `{name of the key}:{base64 of nonce and ciphertext}`
impl PayloadCodec for Keys {
    fn encode(&self, payload: &str) -> Result<String, CodecError> {
        let (name, cipher) = self.0.first().ok_or_else(|| CodecError::new("expected a key, found none"))?;
        // Random, so that equal payloads do not look equal. Replace a key after four billion of them.
        let nonce = Nonce::<Aes256Gcm>::generate();
        let sealed = cipher.encrypt(&nonce, payload.as_bytes());
        let sealed = sealed.map_err(|_| CodecError::new("the payload is too large for one message"))?;
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        Ok(format!("{name}:{}", BASE64.encode(bytes)))
    }

    fn decode(&self, stored: &str) -> Result<String, CodecError> {
        let expected = || CodecError::new("expected key:nonce-and-ciphertext in base64, found something else");
        let (name, encoded) = stored.split_once(':').ok_or_else(expected)?;
        let (_, cipher) = self
            .0
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| CodecError::new(format!("expected a key that is known here, found {name:?}")))?;
        let bytes = BASE64.decode(encoded).map_err(|_| expected())?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE).ok_or_else(expected)?;
        let nonce = Nonce::<Aes256Gcm>::try_from(nonce).map_err(|_| expected())?;
        // It is authenticated: whoever changed a byte of it did not have the key.
        let payload = cipher.decrypt(&nonce, sealed);
        let payload = payload.map_err(|_| CodecError::new("the payload was changed, or made with another key"))?;
        String::from_utf8(payload).map_err(|_| expected())
    }
}

#[activity]
async fn charge(card: String) -> Result<String, String> {
    Ok(format!("charged the card that ends in {}", &card[card.len() - 4..]))
}

#[orchestration]
async fn pay(ctx: OrchestrationContext, card: String) -> Result<String, String> {
    Ok(charge::call(&ctx, card).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cipher = || Aes256Gcm::new(&Key::<Aes256Gcm>::generate());
    let keys = Keys(vec![("2026-11", cipher()), ("2026-05", cipher())]);

    // Any store: what is encrypted in it is up to the wrapper alone.
    let plain = Arc::new(MemoryProvider::new());
    let store: Arc<dyn Provider> = Arc::new(Encoded::new(plain.clone(), keys));
    let runtime = Runtime::builder(store.clone()).discover()?.start().await?;

    let handle = pay::start(&Client::new(store), "payment-1", "4000 0012 3456 7899".to_owned()).await?;
    println!("the client reads: {}", handle.wait(Duration::from_secs(10)).await?);
    for event in plain.read("payment-1").await? {
        println!("the store keeps: {}", serde_json::to_string(&event)?);
    }

    runtime.shutdown(None).await;
    Ok(())
}
