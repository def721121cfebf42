//! Pulling from a hub that breaks off, lies or sends elsewhere.

use std::{fs, path::Path, sync::Arc};

use crate::support::{
    command_line::{Ended, run},
    hub::{Fault, Hub, catalogue_entry},
    state::{ARTEFACTS, EMBEDDING_MODEL, StateDirectory, largest_file, pulled},
    turn,
};

/// The entry that these tests add to the catalogue.
const ID: &str = "test-embedding";

/// A real model, so that nothing but the transfer can be at fault.
fn model() -> Vec<u8> {
    fs::read(largest_file(&pulled().join(ARTEFACTS).join(EMBEDDING_MODEL))).expect("the embedding model")
}

/// A state directory whose catalogue has one entry more.
fn state_with_entry(content: &[u8]) -> Arc<StateDirectory> {
    let state = StateDirectory::empty();
    let folder = state.path().join("catalog.d");
    fs::create_dir(&folder).expect("folder");
    fs::write(folder.join("test.toml"), catalogue_entry(ID, content)).expect("entry");
    state
}

async fn pull(state: &Path, hub: &Hub, more: &[&str]) -> Ended {
    run(state, ["models", "pull", ID, "--hub-endpoint", &hub.endpoint].iter().chain(more)).await
}

/// Whether anything of the entry is in the store, whole or in part.
fn in_store(state: &StateDirectory) -> bool {
    state.artefact(ID).exists()
}

#[tokio::test]
async fn a_transfer_that_broke_off_goes_on_where_it_ended() {
    let _turn = turn::together().await;
    let content = model();
    let state = state_with_entry(&content);
    let hub = Hub::start(content.clone(), Fault::CutAtHalf).await;
    let mut ended = pull(state.path(), &hub, &[]).await;
    if !ended.status.success() {
        assert!(!in_store(&state), "half a model is in the store");
        ended = pull(state.path(), &hub, &[]).await;
    }
    ended.succeeded();
    let asked = hub.asked();
    assert!(asked.len() >= 2 && asked[0] == 0, "{asked:?}");
    assert!(asked[1] > content.len() / 4, "it began again instead of going on: {asked:?}");
    assert!(fs::read(largest_file(&state.artefact(ID))).expect("the model") == content, "the pulled model is another one");
    run(state.path(), ["models", "verify", ID]).await.succeeded();
    assert!(run(state.path(), ["models", "list"]).await.succeeded().contains(ID));

    // A second pull has nothing to do; after a removal the model is gone.
    pull(state.path(), &hub, &[]).await.succeeded();
    assert_eq!(hub.asked().len(), asked.len(), "it was transferred again");
    run(state.path(), ["models", "remove", ID]).await.succeeded();
    assert!(!in_store(&state));
}

#[tokio::test]
async fn a_flipped_byte_is_refused_by_name_and_leaves_nothing() {
    let _turn = turn::together().await;
    let content = model();
    let state = state_with_entry(&content);
    let hub = Hub::start(content, Fault::FlippedByte).await;
    let ended = pull(state.path(), &hub, &[]).await;
    ended.refused(ID);
    assert!(!in_store(&state), "a damaged model is in the store");
    assert!(!hub.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_to_a_place_that_is_not_listed_is_refused() {
    let _turn = turn::together().await;
    let content = model();
    let state = state_with_entry(&content);
    let elsewhere = Hub::start(content.clone(), Fault::None).await;
    for target in ["http://169.254.169.254/latest/meta-data", "http://[::ffff:a9fe:a9fe]/", &elsewhere.file()] {
        let hub = Hub::start(content.clone(), Fault::Redirect(target.to_owned())).await;
        let ended = pull(state.path(), &hub, &[]).await;
        assert!(!ended.status.success(), "{target}: {}{}", ended.stdout, ended.stderr);
        assert!(!in_store(&state), "{target}");
    }
    assert!(elsewhere.asked().is_empty(), "the redirect was followed");
}

#[tokio::test]
async fn sealed_means_that_nothing_is_asked() {
    let _turn = turn::together().await;
    let content = model();
    let state = state_with_entry(&content);
    let hub = Hub::start(content, Fault::None).await;
    pull(state.path(), &hub, &["--sealed"]).await.refused("sealed");
    assert!(hub.asked().is_empty());
    assert!(!in_store(&state));
}

#[tokio::test]
async fn two_pulls_of_one_model_transfer_it_once() {
    let _turn = turn::together().await;
    let content = model();
    let state = state_with_entry(&content);
    let hub = Hub::start(content, Fault::None).await;
    let (one, other) = tokio::join!(pull(state.path(), &hub, &[]), pull(state.path(), &hub, &[]));
    assert!(one.status.success() || other.status.success(), "{}{}", one.stderr, other.stderr);
    assert_eq!(hub.asked().iter().filter(|from| **from == 0).count(), 1, "{:?}", hub.asked());
    run(state.path(), ["models", "verify", ID]).await.succeeded();
}

#[tokio::test]
async fn an_unknown_model_is_refused_by_name() {
    let _turn = turn::together().await;
    let state = StateDirectory::empty();
    run(state.path(), ["models", "pull", "no-such-model", "--sealed"]).await.refused("no-such-model");
}
