//! Where progress is kept: a file on this machine, or a PostgreSQL database that any number of processes share.

use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide::providers::postgres::PostgresProvider;
use duroxide::providers::sqlite::SqliteProvider;

/// Opens a file or a URL; everything else in this program is the same for both.
///
/// # Errors
/// A sentence that says what is wrong, without the password.
pub(crate) async fn open(place: &str) -> Result<Arc<dyn Provider>, String> {
    let opened: Result<Arc<dyn Provider>, String> = match place.split_once("://") {
        Some(("postgres" | "postgresql", _)) => match PostgresProvider::connect(place).await {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(error.to_string()),
        },
        Some(_) => Err("expected a file or a URL that begins with postgres://".to_owned()),
        None => match SqliteProvider::open(place).await {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(error.to_string()),
        },
    };
    opened.map_err(|error| format!("cannot open the database {}: {error}", shown(place)))
}

/// A URL without user, password and options, in which a password may stand as well; a file as it is.
pub(crate) fn shown(place: &str) -> String {
    let Some((scheme, rest)) = place.split_once("://") else {
        return place.to_owned();
    };
    let (address, _options) = rest.split_once('?').unwrap_or((rest, ""));
    // Behind the last one: a password that was not encoded may have an @ of its own.
    let server = address.rsplit_once('@').map_or(address, |(_, server)| server);
    format!("{scheme}://{server}")
}
