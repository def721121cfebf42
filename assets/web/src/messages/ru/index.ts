import dream from "./dream.json";
import dreams from "./dreams.json";
import shell from "./shell.json";
import status from "./status.json";

export default { dream, dreams, shell, status };
