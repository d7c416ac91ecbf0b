//! The workflows of another crate, tested in virtual time with the activities of a third.

use billing::{Bank, Order, PayError};
use duroxide::CallError;
use duroxide::testing::{Asked, Harness, crash_everywhere};
use flows::{Approved, ShopError, checkout, sell_all};

duroxide::link!(billing, flows);

fn order(cents: u64) -> Order {
    Order { customer: "ann".to_owned(), cents }
}

fn shop(harness: &mut Harness) {
    harness.state(Bank { limit: 100_000 });
    harness.discover();
}

#[test]
fn everything_runs_as_it_is() {
    let mut harness = Harness::new();
    shop(&mut harness);
    let sold = harness.run::<sell_all>(vec![order(100), order(200_000), order(500)]).unwrap();
    assert_eq!(sold, 2);
}

#[test]
fn without_its_state_an_activity_is_not_known_and_may_be_mocked() {
    let mut harness = Harness::new();
    harness.discover();
    harness.mock::<billing::charge>(|_, _| Err(PayError::Declined { reason: "no".to_owned() }));
    let error = harness.run::<checkout>((order(100), "1h".to_owned())).unwrap_err();
    let declined = ShopError::Payment(PayError::Declined { reason: "no".to_owned() });
    assert!(matches!(error, CallError::App(error) if error == declined));
}

#[test]
fn patience_ends_after_a_year_as_after_an_hour() {
    for patience in ["1h", "1year"] {
        let mut harness = Harness::new();
        shop(&mut harness);
        let error = harness.run::<checkout>((order(50_000), patience.to_owned())).unwrap_err();
        assert!(matches!(error, CallError::App(ShopError::NotApproved)));
        assert!(harness.asked().contains(&Asked::event::<Approved>()));
        assert_eq!(harness.calls::<billing::refund>().len(), 1);
    }
}

#[test]
fn a_crash_at_any_point_sells_the_same() {
    crash_everywhere(|harness| {
        shop(harness);
        harness.after("30m").to("root::sub::2").raise(Approved { by: "eve".to_owned() });
        harness.run::<sell_all>(vec![order(50_000), order(60_000), order(500)]).unwrap()
    });
}
