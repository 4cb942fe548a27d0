/** On a server, where nothing can come later: the bar with all that it may need. */

import { Connection } from '../internal/connection.ts';
import { late } from '../internal/late.ts';
import './usage-bar.define.ts';

late.Connection = Connection;
