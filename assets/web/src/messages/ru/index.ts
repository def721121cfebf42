import account from "./account.json";
import audit from "./audit.json";
import dream from "./dream.json";
import dreams from "./dreams.json";
import factors from "./factors.json";
import people from "./people.json";
import shell from "./shell.json";
import status from "./status.json";
import trust from "./trust.json";

export default { account, audit, dream, dreams, factors, people, shell, status, trust };
