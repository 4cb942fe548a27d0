/** On a server, where nothing can come later: the bar with what connects it. */

import { Connection } from '../internal/connection.ts';
import { connector } from '../internal/connector.ts';
import './usage-bar.define.ts';

connector.Connection = Connection;
