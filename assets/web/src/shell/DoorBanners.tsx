import { useSession } from "../account/api";
import { BannerSpace } from "./Banners";
import { ConnectionNotice } from "./ConnectionNotice";

/** What the pages before log-in must say. */
export function DoorBanners() {
  return (
    <BannerSpace>
      <ConnectionNotice asked={useSession()} />
    </BannerSpace>
  );
}
