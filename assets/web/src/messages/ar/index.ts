import account from "./account.json";
import audit from "./audit.json";
import care from "./care.json";
import dream from "./dream.json";
import dreams from "./dreams.json";
import factors from "./factors.json";
import lore from "./lore.json";
import people from "./people.json";
import shell from "./shell.json";
import status from "./status.json";
import trust from "./trust.json";

export default { account, audit, care, dream, dreams, factors, lore, people, shell, status, trust };
