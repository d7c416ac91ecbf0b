//! Tokens: drawn at random, compared in constant time, never printed by accident.

use std::fmt;

use subtle::ConstantTimeEq;

use super::error::DashboardError;
use crate::seams;

/// A token that lets in.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    /// 32 bytes as hexadecimal digits.
    pub(super) fn random() -> Self {
        Secret(seams::secret())
    }

    /// One that a person chose.
    ///
    /// # Errors
    /// When it is short, or has letters that a cookie or an address cannot carry.
    pub(super) fn chosen(text: String) -> Result<Self, DashboardError> {
        let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.~".contains(&letter);
        if (16..=256).contains(&text.len()) && text.bytes().all(is_plain) {
            Ok(Secret(text))
        } else {
            Err(DashboardError::WeakToken(text.len()))
        }
    }

    /// Whether `other` is the same; how long that takes tells nothing but the length.
    pub(super) fn is(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
