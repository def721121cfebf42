//! A disk that runs full under the private cluster.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use oneiros::db::{ClusterSettings, Database, PrivateCluster, unprivileged_when_root};
use oneiros::error::Error;
use oneiros::features::accounts::UserId;
use oneiros::features::dreams::DreamStore;

use crate::support::database::binaries;

/// A new dream's text that does not compress.
fn text(number: usize) -> String {
    (0..100).map(|part| format!("{} ", uuid::Uuid::from_u128((number as u128) << 64 | part).simple())).collect::<String>() + &noise()
}

fn noise() -> String {
    (0..100).map(|_| uuid::Uuid::now_v7().to_string()).collect()
}

/// `ONEIROS_TEST_SMALL_DISK` names a folder on a file system of about 150 MB.
#[tokio::test]
#[ignore = "needs a small file system of its own"]
async fn a_full_disk_refuses_writes_serves_reads_and_recovers_alone() {
    let Some(disk) = std::env::var_os("ONEIROS_TEST_SMALL_DISK").map(PathBuf::from) else { return };
    let mut settings = ClusterSettings::new(binaries(), disk.join("postgresql"));
    settings.run_as = unprivileged_when_root();
    let database = Database::on_cluster(PrivateCluster::start(settings).await.unwrap()).await.unwrap();
    let store = DreamStore::new(database.pool().clone());
    store.keep(UserId::LOCAL, "the first dream", "en").await.unwrap();
    let ballast = disk.join("ballast");
    let dd = std::process::Command::new("dd").arg("if=/dev/zero").arg(format!("of={}", ballast.display())).arg("bs=1M").output();
    dd.unwrap();
    let mut kept = vec![];
    let error = loop {
        match store.keep(UserId::LOCAL, &text(kept.len()), "en").await {
            Ok(dream) => kept.push(dream.id),
            Err(error) => break error,
        }
    };
    println!("after {} dreams: {error:?}", kept.len());
    assert!(matches!(error, Error::StorageFull | Error::Unavailable { .. }), "{error:?}");
    if matches!(error, Error::StorageFull) {
        assert_eq!(store.page(UserId::LOCAL, None, 10).await.unwrap().dreams.len(), 10.min(kept.len() + 1));
    }
    std::fs::remove_file(ballast).unwrap();
    let since = Instant::now();
    while let Err(error) = store.keep(UserId::LOCAL, "a dream after the flood", "en").await {
        assert!(since.elapsed() < Duration::from_secs(40), "{error:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("writing again after {:?}", since.elapsed());
    for id in kept {
        assert!(store.find(UserId::LOCAL, id).await.unwrap().is_some());
    }
    database.close().await.unwrap();
}
