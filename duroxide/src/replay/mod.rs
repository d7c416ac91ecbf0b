//! The pure core: history and messages in, one commit out.
