//! A file system without room: new orders are refused, cancels and reads go on, and so does the venue once there is room.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use outside::client::Client;

use crate::desk::{Desk, Market, cancel, find, limit, place, until};

/// Room for two segments of each log, and little else.
const MIB: u32 = 80;

/// A small file system of its own, where the machine lets us have one.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let options = format!("size={MIB}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", self.0.display());
    }
}

/// Fills what is left.
pub(crate) fn fill(path: &Path) {
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    for size in [1 << 20, 1 << 12] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

/// Places orders, filling up what the venue frees, until one is refused for want of room.
fn until_refused(client: &mut Client, ballast: &Path) {
    let mut number = 0;
    until("an order is refused", || {
        fill(ballast);
        for _ in 0..100 {
            number += 1;
            let answer = client.ask("POST", "/api/v3/order", &limit("BUY", 100, &format!("more-{number}"))).unwrap();
            match (answer.status, answer.code()) {
                (200, _) => {
                    assert_eq!(cancel(client, &format!("more-{number}")).status, 200);
                }
                (503, Some(-1008)) => {
                    assert!(answer.body["msg"].as_str().unwrap().contains("room"), "{}", answer.body);
                    return true;
                }
                _ => panic!("{} {}", answer.status, answer.body),
            }
        }
        false
    });
}

#[test]
fn a_full_disk_stops_new_orders_and_nothing_else() {
    let desk = Desk::new();
    let Some(disk) = SmallDisk::mount(desk.beside("disk")) else {
        println!("skipped: this user may not mount a small file system");
        return;
    };
    let (data, ballast) = (disk.0.join("venue"), disk.0.join("ballast"));
    let desk = desk.at(data);
    let mut venue = desk.serve();
    let market = Market::open(&desk, &mut venue, 1);
    let mut client = market.trader(&mut venue);
    for number in 0..20 {
        place(&mut client, "BUY", 100 + number, &format!("early-{number}"));
    }
    until_refused(&mut client, &ballast);

    assert_eq!(find(&mut client, "early-3").body["status"], "NEW");
    let open = client.get("/api/v3/openOrders", "symbol=BTCUSDT").unwrap();
    assert_eq!(open.as_array().unwrap().len(), 20);
    for number in 0..10 {
        let answer = cancel(&mut client, &format!("early-{number}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let refused = client.ask("POST", "/api/v3/order", &limit("BUY", 100, "refused")).unwrap();
    assert_eq!((refused.status, refused.code()), (503, Some(-1008)));

    fs::remove_file(&ballast).unwrap();
    until("orders are taken again", || {
        client.ask("POST", "/api/v3/order", &limit("BUY", 100, "again")).unwrap().status == 200
    });
    assert_eq!(find(&mut client, "refused").code(), Some(-2013));
    venue.stop().unwrap();
    desk.verify();
}
